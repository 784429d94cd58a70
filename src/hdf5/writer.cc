#include <algorithm>
#include <new>

#include "hdf5/file_image.h"
#include "hdf5/open.h"
#include "hdf5/path_columns.h"
#include "hdf5/profile_file.h"
#include "hdf5/rows.h"
#include "hdf5/schema.h"

namespace copper::hdf5 {
namespace {

void WriteHead(hid_t file, const Profile& profile) {
  WriteAttribute(file, "format", schema::kFormat);
  WriteAttribute(file, "schema_version", schema::kVersion);
  WriteAttribute(file, "description", schema::kRootMeaning);
  std::vector<schema::JobRow> job{{.tag = profile.tag,
                                   .target = profile.target,
                                   .ranks = profile.job_ranks,
                                   .metrics = profile.metrics,
                                   .top_n = profile.top_n,
                                   .paths_full = profile.paths_full}};
  WriteTable(file, schema::kJob, job);
}

void WriteRanks(hid_t file, const Profile& profile) {
  std::vector<RankUse> ranks = profile.ranks;
  WriteTable(file, schema::kRanks, ranks);
  const std::vector<Rank> missing = profile.Missing();
  const Handle dataset = MakeDataset(file, schema::kMissing, TypeOf(Rank{}), {missing.size()}, missing.size());
  WriteRows(dataset.get(), TypeOf(Rank{}), 0, missing.size(), missing.data());
}

void WriteLatencies(hid_t file, const Profile& profile) {
  const hid_t type = TypeOf(uint64_t{});
  std::vector<uint64_t> calls;
  for (const OperationUse& use : profile.operations) {
    calls.insert(calls.end(), use.latency.buckets.begin(), use.latency.buckets.end());
  }
  const Handle histogram = MakeDataset(file, schema::kHistogram, type, {kOperations, Latencies::kBuckets}, kOperations);
  WriteRows(histogram.get(), type, 0, kOperations, calls.data());
  std::vector<uint64_t> bounds;
  for (size_t bucket = 0; bucket < Latencies::kBuckets; ++bucket) bounds.push_back(Latencies::LowerBound(bucket));
  const Handle dataset = MakeDataset(file, schema::kBounds, type, {bounds.size()}, bounds.size());
  WriteRows(dataset.get(), type, 0, bounds.size(), bounds.data());
}

void WriteOperations(hid_t file, const Profile& profile) {
  std::vector<schema::OperationRow> operations;
  for (size_t i = 0; i < kOperations; ++i) {
    schema::OperationRow row{std::string(Name(static_cast<Operation>(i))), profile.operations[i]};
    if (row.use.latency.count() == 0) row.use.latency.min_ns = 0;
    operations.push_back(std::move(row));
  }
  WriteTable(file, schema::kOperations, operations);
  WriteLatencies(file, profile);
  std::vector<schema::EventRow> events;
  for (size_t i = 0; i < kEvents; ++i) {
    events.push_back({std::string(Name(static_cast<Event>(i))), profile.events[i]});
  }
  WriteTable(file, schema::kEvents, events);
}

void WriteTop(hid_t file, const Profile& profile) {
  const Handle group(H5Gcreate2(file, schema::kTopGroup, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                     "make a group");
  for (size_t kind = 0; kind < kTopKinds; ++kind) {
    std::vector<TopPath> top = profile.top[kind];
    WriteTable(file, schema::kTop[kind], top);
  }
}

void WriteAll(const std::string& path, const Profile& profile, bool paths_alone) {
  Handle file = CreateHdf5(path);
  WriteHead(file.get(), profile);
  WriteRanks(file.get(), profile);
  if (!paths_alone) {
    WriteOperations(file.get(), profile);
    WriteTop(file.get(), profile);
  }
  WritePaths(file.get(), profile.paths);
  file.CloseNow("close it");
}

Status Write(const std::string& file, const Profile& profile, bool paths_alone) {
  try {
    const QuietErrors quiet;
    const Result<FileImage> image = FileImage::Make();
    if (!image) return Fail(image.error().code, "cannot write " + file + ": " + image.error().Describe());
    WriteAll(image->path(), profile, paths_alone);
    return image->PutInPlace(file);
  } catch (const Hdf5Failure& failure) {
    return Fail(EIO, "cannot write " + file + ": " + failure.what());
  } catch (const std::bad_alloc&) {
    return Fail(ENOMEM, "cannot write " + file + ": there is no memory left");
  }
}

}  // namespace

Status WriteProfile(const std::string& file, const Profile& profile) {
  return Write(file, profile, false);
}

Status WritePathTable(const std::string& file, const Profile& profile) {
  return Write(file, profile, true);
}

}  // namespace copper::hdf5
