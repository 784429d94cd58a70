// A source that fails and hangs: who asked gets its errno or waits, nobody else does, and nothing of it is remembered.
#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "copper/base/chunk_size.h"
#include "copper/fetch/fetcher.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::MemoryStore;
using fakes::TestJob;
using std::chrono::seconds;

// (EAGAIN from a parent means that it has no room, which leaves the detour.)
constexpr int kErrors[] = {EIO, ESTALE, EINTR, ENOMEM, EMFILE, ENOTCONN};
constexpr int kPoolThreads = 8;  // of a test node; a daemon has 16

// 0 if there is none.
template <class T>
int ErrorOf(const Result<T>& result) {
  return result ? 0 : result.error().code;
}

class MisbehavingSource : public testing::TestWithParam<uint32_t> {
 protected:
  MisbehavingSource() {
    store().SetAttributesInListings(false);  // as a slow source: each name is looked at
    store().AddFile("/d/f", "content");
    store().AddFile("/d/other", "other");
    store().AddFile("/large", std::string(3 * kChunkSize, 'x'));
  }
  MemoryStore& store() { return job_.store(); }
  Rank last() const { return job_.ranks() - 1; }
  File FileAt(const std::string& path) { return {path, store().Peek(path).version()}; }

  template <class Call>
  auto Later(Call call) {
    return std::async(std::launch::async, call);
  }

  TestJob job_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Ranks, MisbehavingSource, testing::Values(1u, 2u, 4u),
                         [](const auto& parameter) { return std::to_string(parameter.param) + "ranks"; });

TEST_P(MisbehavingSource, AFailedLookIsTheCallersAndTheNextIsRight) {
  // So many that the root does not look at all of them on its own account: its look might be the one that fails.
  for (int name = 0; name < 300; ++name) store().AddFile("/d/beside" + std::to_string(name), "1");
  for (const int error : kErrors) {
    store().AddFile("/d/new" + std::to_string(error), "1");
    const std::string path = "/d/new" + std::to_string(error);
    job_.clock().Advance(seconds(3));  // the name is in the next listing
    store().FailNext(MemoryStore::Kind::kLook, path, 1, error);
    EXPECT_EQ(ErrorOf(job_.node(last()).Look(path)), error);
    for (Rank rank = 0; rank < job_.ranks(); ++rank) {
      const auto found = job_.node(rank).Look(path);
      ASSERT_TRUE(found) << found.error().Describe();
      EXPECT_NE(found->attributes, nullptr) << "an error is no absence";
    }
  }
}

TEST_P(MisbehavingSource, AFailedListingIsTheCallersAndTheNextIsRight) {
  for (const int error : kErrors) {
    store().FailNext(MemoryStore::Kind::kList, "/d", 1, error);
    EXPECT_EQ(ErrorOf(job_.node(last()).List("/d")), error);
  }
  for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).List("/d")->listing->size(), 2u);
}

TEST_P(MisbehavingSource, ALookupDoesWithoutAListingThatFails) {
  store().FailNext(MemoryStore::Kind::kList, "/d", 1, EIO);
  EXPECT_NE(job_.node(last()).Look("/d/f")->attributes, nullptr);
  EXPECT_EQ(job_.node(last()).Look("/d/absent")->attributes, nullptr);
}

TEST_P(MisbehavingSource, WhatCannotBeLookedAtIsNeitherThereNorAbsent) {
  store().FailNext(MemoryStore::Kind::kList, "/d", 1, EIO);
  store().FailNext(MemoryStore::Kind::kLook, "/d/absent", 1, EIO);
  EXPECT_EQ(ErrorOf(job_.node(last()).Look("/d/absent")), EIO);
  const auto found = job_.node(last()).Look("/d/absent");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->attributes, nullptr);
}

TEST_P(MisbehavingSource, AFailedChunkFailsWhatLiesInItAlone) {
  const File file = FileAt("/large");
  ASSERT_TRUE(job_.node(last()).Read(file, 0, 10));
  for (const int error : kErrors) {
    store().FailNext(MemoryStore::Kind::kRead, "/large", 1, error);
    EXPECT_EQ(ErrorOf(job_.node(last()).Read(file, kChunkSize, 10)), error);
    EXPECT_EQ(job_.node(last()).Read(file, 0, 10).value_or(""), "xxxxxxxxxx") << "what is known stays";
  }
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    EXPECT_EQ(job_.node(rank).Read(file, 0, 3 * kChunkSize).value_or("").size(), 3 * kChunkSize);
  }
}

TEST_P(MisbehavingSource, OneFailureIsTheAnswerToAllWhoWaitForIt) {
  const File file = FileAt("/d/f");
  store().Block(MemoryStore::Kind::kRead, "/d/f");
  store().FailNext(MemoryStore::Kind::kRead, "/d/f", 1, EIO);
  std::vector<std::future<Result<std::string>>> readers;
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    readers.push_back(Later([this, rank, file] { return job_.node(rank).Read(file, 0, 7); }));
  }
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kRead, "/d/f", 1));
  store().Release(MemoryStore::Kind::kRead, "/d/f");
  int failed = 0;
  for (auto& reader : readers) {
    const Result<std::string> read = reader.get();
    failed += read ? 0 : 1;
    EXPECT_TRUE(read ? *read == "content" : read.error().code == EIO);  // who came later asked again
  }
  EXPECT_GE(failed, 1);
  EXPECT_LE(store().counts("/d/f").reads, 2u);
}

// What hangs is waited for by who asked for it, until the deadline; the others go on, and it is right in the end.
struct Hanging {
  const char* name;
  MemoryStore::Kind kind;
  const char* path;
};
constexpr Hanging kHanging[] = {{"look", MemoryStore::Kind::kLook, "/d/f"},
                                {"list", MemoryStore::Kind::kList, "/d"},
                                {"read", MemoryStore::Kind::kRead, "/d/f"}};

TEST_P(MisbehavingSource, WhatHangsHoldsUpNobodyElse) {
  for (const Hanging& hanging : kHanging) {
    SCOPED_TRACE(hanging.name);
    TestJob job(GetParam());
    job.store().SetAttributesInListings(false);
    job.store().AddFile("/d/f", "content");
    job.store().AddFile("/e/quick", "quick");
    job.store().Block(hanging.kind, hanging.path);
    auto waiting = Later([&] { return job.node(job.ranks() - 1).ReadWhole("/d/f"); });
    ASSERT_TRUE(job.store().WaitUntilBlocked(hanging.kind, hanging.path, 1));
    for (Rank rank = 0; rank < job.ranks(); ++rank)
      EXPECT_EQ(job.node(rank).ReadWhole("/e/quick").value_or(""), "quick");
    job.store().Release(hanging.kind, hanging.path);
    EXPECT_EQ(waiting.get().value_or("error"), "content");
  }
}

// As when one entry hangs that is looked at while its directory is listed.
TEST_P(MisbehavingSource, LookupsDoWithoutAListingThatHangs) {
  store().Block(MemoryStore::Kind::kList, "/d");
  auto first = Later([this] { return job_.node(last()).ReadWhole("/d/f"); });
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kList, "/d", 1));
  job_.clock().Advance(seconds(3));
  EXPECT_EQ(first.get().value_or("error"), "content");
  EXPECT_EQ(job_.node(last()).ReadWhole("/d/other").value_or("error"), "other") << "without waiting again";
  EXPECT_EQ(job_.node(last()).Look("/d/absent")->attributes, nullptr);
  store().Release(MemoryStore::Kind::kList, "/d");
  EXPECT_EQ(job_.node(last()).List("/d")->listing->size(), 2u);
}

TEST_P(MisbehavingSource, PastTheDeadlineTheCallerIsToldAndTheFlightGoesOn) {
  for (const Hanging& hanging : kHanging) {
    SCOPED_TRACE(hanging.name);
    TestJob job(GetParam(), {.source_timeout = seconds(5)});
    job.store().SetAttributesInListings(false);
    job.store().AddFile("/d/f", "content");
    job.store().Block(hanging.kind, hanging.path);
    auto waiting = Later([&] { return job.node(job.ranks() - 1).ReadWhole("/d/f"); });
    ASSERT_TRUE(job.store().WaitUntilBlocked(hanging.kind, hanging.path, 1));
    job.clock().Advance(seconds(60));
    const Result<std::string> read = waiting.get();
    // A lookup that gets no listing in time asks by name, and may hear at once.
    const bool may_hear = hanging.kind == MemoryStore::Kind::kList;
    EXPECT_TRUE(ErrorOf(read) == ETIMEDOUT || (may_hear && read)) << ErrorOf(read);
    job.store().Release(hanging.kind, hanging.path);
    EXPECT_EQ(job.node(job.ranks() - 1).ReadWhole("/d/f").value_or("error"), "content");
  }
}

class HangingPool : public testing::Test {
 protected:
  HangingPool() {
    for (int i = 0; i < kPoolThreads; ++i) job_.store().AddFile(Name(i), "content");
    job_.store().AddFile("/quick", "quick");
  }
  // So many reads of different files hang, each in a thread of the pool.
  void Hang(int reads) {
    for (int i = 0; i < reads; ++i) {
      const File file{Name(i), job_.store().Peek(Name(i)).version()};
      job_.store().Block(MemoryStore::Kind::kRead, file.path);
      hanging_.push_back(std::async(std::launch::async, [this, file] { return job_.node(0).Read(file, 0, 7); }));
      ASSERT_TRUE(job_.store().WaitUntilBlocked(MemoryStore::Kind::kRead, file.path, 1));
    }
  }
  void Release() {
    for (int i = 0; i < static_cast<int>(hanging_.size()); ++i) {
      job_.store().Release(MemoryStore::Kind::kRead, Name(i));
    }
  }
  static std::string Name(int number) { return "/hanging" + std::to_string(number); }

  TestJob job_{1};
  std::vector<std::future<Result<std::string>>> hanging_;
};

TEST_F(HangingPool, OneThreadThatIsLeftServesEveryoneElse) {
  Hang(kPoolThreads - 1);
  EXPECT_EQ(job_.node(0).ReadWhole("/quick").value_or(""), "quick");
  Release();
  for (auto& reader : hanging_) EXPECT_EQ(reader.get().value_or(""), "content");
}

TEST_F(HangingPool, WhenAllHangTheOthersAreToldInTimeAndServedAfterwards) {
  ASSERT_EQ(job_.node(0).ReadWhole("/quick").value_or(""), "quick");
  Hang(kPoolThreads);
  EXPECT_EQ(job_.node(0).ReadWhole("/quick").value_or(""), "quick") << "what is known needs no thread";
  auto late = std::async(std::launch::async, [this] { return job_.node(0).Look("/directory/unknown"); });
  // The tick that expires it comes only once it waits.
  while (late.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) job_.clock().Advance(seconds(10));
  EXPECT_EQ(ErrorOf(late.get()), ETIMEDOUT);
  Release();
  for (auto& reader : hanging_) static_cast<void>(reader.get());  // ETIMEDOUT or content: the clock has run on
  EXPECT_EQ(job_.node(0).Look("/directory/unknown")->attributes, nullptr);
}

}  // namespace
}  // namespace copper::fetch
