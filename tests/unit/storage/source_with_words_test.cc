#include "copper/storage/source_with_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "copper/base/files.h"
#include "copper/base/open_files_limit.h"
#include "fakes/memory_store.h"
#include "fakes/temporary_directory.h"

namespace copper::storage {
namespace {

using testing::HasSubstr;

TEST(SourceWithWords, NamesAShortageOnce) {
  const fakes::TemporaryDirectory directory;
  Logger log(LogLevel::kWarning, LogType::kFile, directory.At("log"));
  fakes::MemoryStore store;
  store.FailNext(fakes::MemoryStore::Kind::kLook, "/a", 1, EACCES);
  store.FailNext(fakes::MemoryStore::Kind::kLook, "/b", 3, EMFILE);
  SourceWithWords source(store, log);
  EXPECT_EQ(source.Look("/a").error().code, EACCES);
  ASSERT_TRUE(log.Flush());
  EXPECT_FALSE(ReadWholeFile(directory.At("log"))) << "readers are told";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source.Look("/b").error().code, EMFILE);
  ASSERT_TRUE(log.Flush());
  const std::string said = ReadWholeFile(directory.At("log")).value_or("");
  EXPECT_THAT(said, testing::AllOf(HasSubstr("ulimit -n"), HasSubstr(std::to_string(OpenFilesLimit()))));
  EXPECT_EQ(std::ranges::count(said, '\n'), 1);
}

}  // namespace
}  // namespace copper::storage
