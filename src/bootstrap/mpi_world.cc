#include "copper/bootstrap/mpi_world.h"

#include <mpi.h>

#include <algorithm>
#include <climits>
#include <numeric>
#include <thread>
#include <utility>

#include "copper/base/log.h"

namespace copper::bootstrap {
namespace {

constexpr int kSpins = 64;
constexpr auto kFirstPause = std::chrono::microseconds(20);
constexpr auto kLongestPause = std::chrono::milliseconds(2);
constexpr int kTag = 1;
constexpr size_t kBroadcastPiece = size_t{1} << 30;

// MPI makes progress only while it is asked, and cannot block: the pauses leave the core to others. False at the
// deadline.
bool Await(MPI_Request& request, TimePoint deadline = kNever, MPI_Status* status = MPI_STATUS_IGNORE) {
  auto pause = std::chrono::duration_cast<std::chrono::microseconds>(kFirstPause);
  for (int tests = 0;; ++tests) {
    int done = 0;
    MPI_Test(&request, &done, status);
    if (done != 0) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    if (tests < kSpins) continue;
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::microseconds>(pause * 2, kLongestPause);
  }
}

std::vector<uint64_t> GatherLengths(uint64_t mine, uint32_t size) {
  std::vector<uint64_t> lengths(size);
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallgather(&mine, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD, &request);
  Await(request);
  return lengths;
}

// One round of AllGather: from each rank what it has from `begin` on, up to `most` bytes. MPI counts in int: the rounds
// are small enough for the sum of all pieces to be one.
void GatherRound(const std::string& mine, const std::vector<uint64_t>& lengths, uint64_t begin, uint64_t most,
                 std::vector<std::string>& all) {
  std::vector<int> counts(lengths.size());
  std::vector<int> offsets(lengths.size());
  for (size_t rank = 0; rank < lengths.size(); ++rank) {
    counts[rank] = static_cast<int>(std::min(most, lengths[rank] - std::min(begin, lengths[rank])));
  }
  std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
  std::vector<char> received(static_cast<size_t>(offsets.back() + counts.back()));
  const size_t from = std::min<size_t>(begin, mine.size());
  const int count = static_cast<int>(std::min<size_t>(most, mine.size() - from));
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallgatherv(mine.data() + from, count, MPI_CHAR, received.data(), counts.data(), offsets.data(), MPI_CHAR,
                  MPI_COMM_WORLD, &request);
  Await(request);
  for (size_t rank = 0; rank < lengths.size(); ++rank) {
    all[rank].append(received.data() + offsets[rank], static_cast<size_t>(counts[rank]));
  }
}

void BroadcastBytes(void* data, size_t size, Rank root) {
  char* bytes = static_cast<char*>(data);
  for (size_t done = 0; done < size;) {
    const size_t piece = std::min(kBroadcastPiece, size - done);
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibcast(bytes + done, static_cast<int>(piece), MPI_CHAR, static_cast<int>(root), MPI_COMM_WORLD, &request);
    Await(request);
    done += piece;
  }
}

// "MPICH Version: 4.0.2", without what follows the first line.
std::string LibraryName() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string name(text, static_cast<size_t>(length));
  name.resize(std::min(name.size(), name.find('\n')));
  std::ranges::replace(name, '\t', ' ');
  return name;
}

}  // namespace

Result<std::unique_ptr<World>> MpiWorld::Init(const LauncherView& launcher) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  std::unique_ptr<World> world(new MpiWorld(static_cast<Rank>(rank), static_cast<uint32_t>(size)));
  if (provided < MPI_THREAD_FUNNELED) {
    return Fail(ENOTSUP, "this MPI does not allow threads (MPI_THREAD_FUNNELED): " + LibraryName());
  }
  if (const Status fits = CheckWorld(launcher, world->size(), LibraryName()); !fits)
    return std::unexpected(fits.error());
  return world;
}

MpiWorld::~MpiWorld() {
  Finalize();
}

void MpiWorld::Finalize() {
  if (std::exchange(active_, false)) MPI_Finalize();
}

std::vector<std::string> MpiWorld::AllGather(const std::string& mine) {
  const std::vector<uint64_t> lengths = GatherLengths(mine.size(), size());
  const uint64_t longest = std::ranges::max(lengths);
  const uint64_t most = INT_MAX / size();
  std::vector<std::string> all(size());
  for (uint64_t begin = 0; begin < longest; begin += most) GatherRound(mine, lengths, begin, most, all);
  return all;
}

std::string MpiWorld::Broadcast(Rank root, const std::string& from_root) {
  std::string text = rank() == root ? from_root : std::string();
  uint64_t length = text.size();
  BroadcastBytes(&length, sizeof length, root);
  text.resize(length);
  BroadcastBytes(text.data(), length, root);
  return text;
}

uint32_t MpiWorld::Least(uint32_t mine) {
  uint32_t least = mine;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&mine, &least, 1, MPI_UINT32_T, MPI_MIN, MPI_COMM_WORLD, &request);
  Await(request);
  return least;
}

Status MpiWorld::Barrier(TimePoint deadline) {
  if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  if (Await(request, deadline)) return {};
  Abandon();
  return Fail(ETIMEDOUT, "some rank did not end in time");
}

Status MpiWorld::Send(Rank to, const Bytes& message, TimePoint deadline) {
  if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Isend(message.data(), static_cast<int>(message.size()), MPI_BYTE, static_cast<int>(to), kTag, MPI_COMM_WORLD,
            &request);
  if (Await(request, deadline)) return {};
  abandoned_.push_back(message);
  Abandon();
  return Fail(ETIMEDOUT, fmt::format("rank {} did not take what rank {} sent", to, rank()));
}

Result<Bytes> MpiWorld::Receive(Rank from, size_t most, TimePoint deadline) {
  if (!active_) return Fail(ESHUTDOWN, "a rank was lost before");
  Buffer buffer = Buffer::Allocate(most);
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Status status;
  MPI_Irecv(buffer.data(), static_cast<int>(most), MPI_BYTE, static_cast<int>(from), kTag, MPI_COMM_WORLD, &request);
  if (!Await(request, deadline, &status)) {
    abandoned_.push_back(std::move(buffer).Freeze(most));
    Abandon();
    return Fail(ETIMEDOUT, fmt::format("rank {} sent nothing to rank {}", from, rank()));
  }
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  return std::move(buffer).Freeze(static_cast<size_t>(size));
}

}  // namespace copper::bootstrap
