#include <algorithm>
#include <new>
#include <stdexcept>

#include "hdf5/file_image.h"
#include "hdf5/open.h"
#include "hdf5/path_columns.h"
#include "hdf5/profile_file.h"
#include "hdf5/rows.h"
#include "hdf5/schema.h"

namespace copper::hdf5 {
namespace {

bool Has(hid_t file, const char* name) {
  return Check(H5Lexists(file, name, H5P_DEFAULT), name) > 0;
}

// Empty, where there is no such text.
std::string TextAttribute(hid_t object, const char* name) {
  constexpr size_t kMost = 256;
  if (Check(H5Aexists(object, name), name) == 0) return {};
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, name);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, name);
  const size_t size = H5Tget_size(type.get());
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0 || size > kMost ||
      H5Sget_simple_extent_npoints(space.get()) != 1) {
    return {};
  }
  std::string text(size + 1, '\0');
  Check(H5Aread(attribute.get(), TextType(size).get(), text.data()), name);
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

uint32_t NumberAttribute(hid_t object, const char* name) {
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, name);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, name);
  if (H5Tget_class(type.get()) != H5T_INTEGER || H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw Hdf5Failure(std::string(name) + " is no number");
  }
  uint32_t value = 0;
  Check(H5Aread(attribute.get(), H5T_NATIVE_UINT32, &value), name);
  return value;
}

Status CheckSchema(hid_t file, const std::string& name) {
  if (TextAttribute(file, "format") != schema::kFormat) {
    return Fail(EBADMSG, name + " was not written by Copper: it is an HDF5 file of another kind");
  }
  const uint32_t version = NumberAttribute(file, "schema_version");
  if (version <= schema::kVersion) return {};
  return Fail(EBADMSG, name + " has schema version " + std::to_string(version) + ", this program reads up to " +
                           std::to_string(schema::kVersion) + ": use that of the Copper that wrote it");
}

void ReadJob(hid_t file, Profile& profile) {
  std::vector<schema::JobRow> job = ReadTable<schema::JobRow>(file, schema::kJob);
  if (job.size() != 1) throw Hdf5Failure("/job has not one row");
  profile.tag = std::move(job[0].tag);
  profile.target = std::move(job[0].target);
  profile.job_ranks = job[0].ranks;
  profile.metrics = job[0].metrics != 0;
  profile.top_n = job[0].top_n;
  profile.paths_full = job[0].paths_full != 0;
}

void ReadRanks(hid_t file, Profile& profile) {
  profile.ranks = ReadTable<RankUse>(file, schema::kRanks);
  if (!std::ranges::is_sorted(profile.ranks, {}, &RankUse::rank)) throw Hdf5Failure("/ranks is not in order");
  Extent missing;
  OpenDataset(file, schema::kMissing, missing, 1);
  // Else somebody would make a list of billions of missing ranks.
  if (profile.job_ranks > profile.ranks.size() + missing[0]) throw Hdf5Failure("ranks are not accounted for");
}

// The row of a name; what this program has no name for is damaged, since new names come with a new schema.
template <class Kind>
size_t IndexOf(const std::string& name, const char* table) {
  for (size_t i = 0; i < static_cast<size_t>(Kind::kCount); ++i) {
    if (Name(static_cast<Kind>(i)) == name) return i;
  }
  throw Hdf5Failure(std::string(table) + " has a row of an unknown name");
}

std::vector<uint64_t> ReadHistogram(hid_t file, size_t operations) {
  Extent extent;
  const Handle dataset = OpenDataset(file, schema::kHistogram, extent, 2);
  if (extent[0] != operations || extent[1] != Latencies::kBuckets) {
    throw Hdf5Failure(std::string(schema::kHistogram.name) + " has another shape");
  }
  std::vector<uint64_t> calls(operations * Latencies::kBuckets);
  ReadRows(dataset.get(), TypeOf(uint64_t{}), 0, operations, calls.data());
  return calls;
}

void ReadOperations(hid_t file, Profile& profile) {
  const auto operations = ReadTable<schema::OperationRow>(file, schema::kOperations);
  if (operations.size() > kOperations) throw Hdf5Failure("/operations has too many rows");
  const std::vector<uint64_t> calls = ReadHistogram(file, operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    OperationUse& use = profile.operations[IndexOf<Operation>(operations[i].operation, schema::kOperations.name)];
    use = operations[i].use;
    std::copy_n(calls.begin() + static_cast<std::ptrdiff_t>(i * Latencies::kBuckets), Latencies::kBuckets,
                use.latency.buckets.begin());
    if (use.latency.count() == 0) use.latency.min_ns = UINT64_MAX;
  }
  for (const schema::EventRow& row : ReadTable<schema::EventRow>(file, schema::kEvents)) {
    profile.events[IndexOf<Event>(row.event, schema::kEvents.name)] = row.count;
  }
}

Profile ReadAll(hid_t file) {
  Profile profile;
  ReadJob(file, profile);
  ReadRanks(file, profile);
  if (Has(file, schema::kOperations.name)) {  // else it holds the paths alone
    ReadOperations(file, profile);
    for (size_t kind = 0; kind < kTopKinds; ++kind) profile.top[kind] = ReadTable<TopPath>(file, schema::kTop[kind]);
  }
  profile.paths = ReadPaths(file);
  return profile;
}

}  // namespace

Result<Profile> ReadProfile(const std::string& file) {
  const Result<UniqueFd> opened = OpenForReading(file);
  if (!opened) return std::unexpected(opened.error());
  const QuietErrors quiet;
  try {
    const Handle hdf5 = OpenHdf5(FileImage::PathOf(opened->get()));
    const Status readable = CheckSchema(hdf5.get(), file);
    if (!readable) return std::unexpected(readable.error());
    return ReadAll(hdf5.get());
  } catch (const Hdf5Failure& failure) {
    return Fail(EBADMSG, file + " is damaged: " + failure.what());
  } catch (const std::bad_alloc&) {
    return Fail(ENOMEM, "cannot read " + file + ": there is no memory left");
  } catch (const std::length_error&) {
    return Fail(EBADMSG, file + " is damaged: it claims to be larger than it is");
  }
}

}  // namespace copper::hdf5
