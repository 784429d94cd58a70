// The status of a rank and all below it, as the rank above takes it: what is accepted can be merged and handed on.
#include "copper/job/status_report.h"

#include "expect.h"

using namespace copper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Json> status = job::DecodeStatus(Bytes::Copy(std::as_bytes(std::span(data, size))));
  if (!status) {
    EXPECT_ALWAYS(status.error().code == EBADMSG);
    return 0;
  }
  Json merged = job::EmptyStatus();
  job::MergeStatus(merged, *status);
  job::MergeStatus(merged, *status);
  job::MergeUnreachable(merged, 3);
  EXPECT_ALWAYS(job::DecodeStatus(job::EncodeStatus(merged)));
  return 0;
}
