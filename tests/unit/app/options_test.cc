#include "app/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Arguments = std::vector<std::string>;

Result<Command> Parse(Arguments more) {
  Arguments arguments = {"--mount", "/tmp/m", "--log-output-dir", "/tmp/job"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ParseOptions(arguments);
}

// The options that these arguments give; a failure of the test where they are refused.
Options Given(Arguments more) {
  const Result<Command> parsed = Parse(std::move(more));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? parsed->options : Options{};
}

std::string Refusal(Arguments more) {
  const Result<Command> parsed = Parse(std::move(more));
  EXPECT_FALSE(parsed);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, EINVAL);
  return parsed.error().message;
}

TEST(Options, HaveTheDefaultsOfTheContract) {
  const Options options = Given({});
  EXPECT_EQ(options.mount, "/tmp/m");
  EXPECT_EQ(options.target, "/");
  EXPECT_THAT(options.shared_fs, IsEmpty());
  EXPECT_EQ(options.log_level, LogLevel::kWarning);
  EXPECT_EQ(options.log_type, LogType::kFile);
  EXPECT_EQ(options.job_directory, "/tmp/job");
  EXPECT_EQ(options.net_type, "auto");
  EXPECT_EQ(options.trees, std::nullopt);
  EXPECT_EQ(options.fanout, 2U);
  EXPECT_EQ(options.max_cacheable_bytes, UINT64_MAX);
  EXPECT_EQ(options.source_ops, std::nullopt);
  EXPECT_EQ(options.source_timeout_s, 600U);
  EXPECT_EQ(options.absent_ttl_ms, 2000);
  EXPECT_EQ(options.threads, 0);
  EXPECT_FALSE(options.allow_other);
  EXPECT_FALSE(options.profile_metrics);
  EXPECT_EQ(options.profile_top_n, 0U);
  EXPECT_FALSE(options.profile_paths_full);
  EXPECT_EQ(options.profile_snapshot_interval_s, 0U);
  EXPECT_FALSE(options.IsProfiling());
}

TEST(Options, EachOfAProfileTurnsProfilingOn) {
  EXPECT_TRUE(Given({"--profile-metrics"}).IsProfiling());
  EXPECT_TRUE(Given({"--profile-top-n", "20"}).IsProfiling());
  EXPECT_TRUE(Given({"--profile-paths-full"}).IsProfiling());
  EXPECT_TRUE(Given({"--profile-snapshot-interval-s", "60"}).IsProfiling());
  EXPECT_FALSE(Given({"--profile-top-n", "0", "--profile-snapshot-interval-s", "0"}).IsProfiling());
}

TEST(Options, OfAProfileInTheEstablishedSpelling) {
  const Options options =
      Given({"-profile_metrics", "-profile_top_n", "20", "-profile_paths_full", "-profile_snapshot_interval_s", "30"});
  EXPECT_TRUE(options.profile_metrics);
  EXPECT_EQ(options.profile_top_n, 20U);
  EXPECT_TRUE(options.profile_paths_full);
  EXPECT_EQ(options.profile_snapshot_interval_s, 30U);
}

TEST(Options, OfAProfileThatMakeNoSense) {
  EXPECT_THAT(Refusal({"--profile-top-n", "-1"}), HasSubstr("--profile-top-n"));
  EXPECT_THAT(Refusal({"--profile-top-n", "1000000"}), HasSubstr("--profile-top-n"));
  EXPECT_THAT(Refusal({"--profile-metrics=yes"}), HasSubstr("profile-metrics"));
  EXPECT_THAT(Refusal({"--profile-snapshot-interval-s", "soon"}), HasSubstr("--profile-snapshot-interval-s"));
}

TEST(Options, GnuSpellings) {
  const Options options = Given({"--target",
                                 "/usr",
                                 "--shared-fs",
                                 "/a",
                                 "--shared-fs",
                                 "/b/",
                                 "--log-level",
                                 "5",
                                 "--log-type",
                                 "both",
                                 "--net-type",
                                 "tcp://eth0",
                                 "--trees",
                                 "7",
                                 "--fanout=3",
                                 "--max-cacheable-byte-size",
                                 "64M",
                                 "--md-enoent-ttl-ms",
                                 "-1",
                                 "--threads",
                                 "8",
                                 "--allow-other",
                                 "--source-ops",
                                 "64",
                                 "--source-timeout",
                                 "30"});
  EXPECT_EQ(options.target, "/usr");
  EXPECT_THAT(options.shared_fs, ElementsAre("/a", "/b"));
  EXPECT_EQ(options.log_level, LogLevel::kDebug);
  EXPECT_EQ(options.log_type, LogType::kBoth);
  EXPECT_EQ(options.net_type, "tcp://eth0");
  EXPECT_EQ(options.trees, 7U);
  EXPECT_EQ(options.fanout, 3U);
  EXPECT_EQ(options.max_cacheable_bytes, uint64_t{64} << 20);
  EXPECT_EQ(options.absent_ttl_ms, -1);
  EXPECT_EQ(options.threads, 8);
  EXPECT_EQ(options.source_ops, 64U);
  EXPECT_EQ(options.source_timeout_s, 30U);
  EXPECT_TRUE(options.allow_other);
}

TEST(Options, EstablishedSpellings) {
  const Result<Command> parsed = ParseOptions({"-vpath",
                                               "/tmp/v",
                                               "-tpath",
                                               "/usr/lib",
                                               "-log_output_dir",
                                               "/tmp/j",
                                               "-log_level",
                                               "4",
                                               "-log_type",
                                               "file_and_stdout",
                                               "-net_type",
                                               "cxi",
                                               "-trees",
                                               "2",
                                               "-max_cacheable_byte_size",
                                               "10485760",
                                               "-source_ops",
                                               "100",
                                               "-md_enoent_ttl_ms",
                                               "-1",
                                               "-es",
                                               "4"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Options& options = parsed->options;
  EXPECT_EQ(options.mount, "/tmp/v");
  EXPECT_EQ(options.target, "/usr/lib");
  EXPECT_EQ(options.job_directory, "/tmp/j");
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
  EXPECT_EQ(options.log_type, LogType::kBoth);
  EXPECT_EQ(options.net_type, "cxi");
  EXPECT_EQ(options.trees, 2U);
  EXPECT_EQ(options.max_cacheable_bytes, 10485760U);
  EXPECT_EQ(options.absent_ttl_ms, -1);
  EXPECT_EQ(options.source_ops, 100U);
  EXPECT_EQ(options.threads, 4);
}

TEST(Options, SizesTakeSuffixes) {
  EXPECT_EQ(Given({"--max-cacheable-byte-size", "0"}).max_cacheable_bytes, 0U);
  EXPECT_EQ(Given({"--max-cacheable-byte-size", "4k"}).max_cacheable_bytes, 4096U);
  EXPECT_EQ(Given({"--max-cacheable-byte-size", "3G"}).max_cacheable_bytes, uint64_t{3} << 30);
  EXPECT_EQ(Given({"--max-cacheable-byte-size", "unlimited"}).max_cacheable_bytes, UINT64_MAX);
}

TEST(Options, BadSizesAreRefused) {
  for (const char* size : {"", "K", "-1", "1.5M", "4KB", "10 M", "99999999999G", "many"}) {
    EXPECT_THAT(Refusal({"--max-cacheable-byte-size", size}), HasSubstr("--max-cacheable-byte-size")) << size;
  }
}

TEST(Options, BadValuesAreRefusedByName) {
  EXPECT_THAT(Refusal({"--log-level", "6"}), HasSubstr("--log-level"));
  EXPECT_THAT(Refusal({"--log-level", "high"}), HasSubstr("--log-level"));
  EXPECT_THAT(Refusal({"--log-type", "syslog"}), HasSubstr("--log-type"));
  EXPECT_THAT(Refusal({"--trees", "0"}), HasSubstr("--trees"));
  EXPECT_THAT(Refusal({"--trees", "-3"}), HasSubstr("--trees"));
  EXPECT_THAT(Refusal({"--fanout", "0"}), HasSubstr("--fanout"));
  EXPECT_THAT(Refusal({"--fanout", "two"}), HasSubstr("--fanout"));
  EXPECT_THAT(Refusal({"--source-ops", "0"}), HasSubstr("--source-ops"));
  EXPECT_THAT(Refusal({"--md-enoent-ttl-ms", "-2"}), HasSubstr("--md-enoent-ttl-ms"));
  EXPECT_THAT(Refusal({"--threads", "0"}), HasSubstr("--threads"));
  EXPECT_THAT(Refusal({"-es", "many"}), HasSubstr("--threads"));
}

TEST(Options, ACacheBudgetHasALeastSize) {
  EXPECT_EQ(Given({}).cache_budget_bytes, std::nullopt);
  EXPECT_EQ(Given({"-cache_budget", "64M"}).cache_budget_bytes, uint64_t{64} << 20);
  for (const char* wrong : {"0", "15M", "unlimited", "", "lots"}) {
    EXPECT_THAT(Refusal({"--cache-budget", wrong}), HasSubstr("--cache-budget")) << wrong;
  }
}

TEST(Options, MissingOnesAreNamed) {
  const Result<Command> nothing = ParseOptions({});
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("--mount"));
  const Result<Command> no_directory = ParseOptions({"--mount", "/tmp/m"});
  ASSERT_FALSE(no_directory);
  EXPECT_THAT(no_directory.error().message, HasSubstr("--log-output-dir"));
}

TEST(Options, UnknownOnesAreRefused) {
  EXPECT_THAT(Refusal({"--cache"}), HasSubstr("--cache"));
  EXPECT_THAT(Refusal({"stray"}), HasSubstr("stray"));
  EXPECT_THAT(Refusal({"--allow-other=yes"}), HasSubstr("allow-other"));
}

TEST(Options, AFacilityBookAndItsSourceNeedEachOther) {
  EXPECT_EQ(Given({}).facility_address_book, "");
  EXPECT_EQ(Given({"--address-book-source", "discover"}).facility_address_book, "");
  EXPECT_EQ(Given({"--address-book-source", "facility", "--facility-address-book", "/a/../book"}).facility_address_book,
            "/book");
  EXPECT_EQ(Given({"-address_book_source", "facility", "-facility_address_book", "/b"}).facility_address_book, "/b");
  EXPECT_THAT(Refusal({"--address-book-source", "facility"}), HasSubstr("--facility-address-book FILE"));
  EXPECT_THAT(Refusal({"--facility-address-book", "/b"}), HasSubstr("--address-book-source facility"));
  EXPECT_THAT(Refusal({"--address-book-source", "phone"}), HasSubstr("--address-book-source"));
}

TEST(Options, OnceIsEnough) {
  EXPECT_THAT(Refusal({"--fanout", "2", "--fanout", "3"}), HasSubstr("--fanout"));
}

TEST(Options, AMountThatHidesWhatIsNeededIsRefused) {
  EXPECT_THAT(Refusal({"--target", "/tmp/m"}), HasSubstr("would hide the --target"));
  EXPECT_THAT(Refusal({"--target", "/tmp/m/below"}), HasSubstr("would hide the --target"));
  const Result<Command> inside = ParseOptions({"--mount", "/tmp/m", "--log-output-dir", "/tmp/m/job"});
  ASSERT_FALSE(inside);
  EXPECT_THAT(inside.error().message, HasSubstr("would hide the job directory"));
  EXPECT_FALSE(ParseOptions({"--mount", "/", "--log-output-dir", "/tmp/job"}));
  EXPECT_EQ(Given({"--target", "/tmp/m-data"}).target, "/tmp/m-data");
  for (const char* own : {"/control", "/logs", "/logs/below", "/profiling", "/tables"}) {
    EXPECT_FALSE(ParseOptions({"--mount", std::string("/tmp/job") + own, "--log-output-dir", "/tmp/job"})) << own;
  }
  EXPECT_TRUE(ParseOptions({"--mount", "/tmp/job/mnt", "--log-output-dir", "/tmp/job"}));
}

TEST(Options, PlaceholdersThatMeanNothingAreRefused) {
  for (const char* mount : {"/tmp/x%q", "/tmp/100%", "/tmp/%r%", "/tmp/%%%x"}) {
    const Result<Command> parsed = ParseOptions({"--mount", mount, "--log-output-dir", "/tmp/job"});
    ASSERT_FALSE(parsed) << mount;
    EXPECT_THAT(parsed.error().message, testing::AllOf(HasSubstr("--mount"), HasSubstr(mount), HasSubstr("%r")));
  }
  EXPECT_TRUE(ParseOptions({"--mount", "/tmp/%r-%h-%%", "--log-output-dir", "/tmp/job%j"}));
  const Result<Command> job = ParseOptions({"--mount", "/tmp/m%r", "--log-output-dir", "/tmp/job%r"});
  ASSERT_FALSE(job);
  EXPECT_THAT(job.error().message, HasSubstr("--log-output-dir /tmp/job%r"));
}

TEST(Options, PathsAreMadeAbsolute) {
  const Result<Command> parsed = ParseOptions({"--mount", "/tmp//x/../m/", "--log-output-dir", "job"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->options.mount, "/tmp/m");
  EXPECT_TRUE(parsed->options.job_directory.starts_with("/"));
  EXPECT_TRUE(parsed->options.job_directory.ends_with("/job"));
}

TEST(Options, HelpAndVersionArePrinted) {
  const Result<Command> help = ParseOptions({"--help"});
  ASSERT_TRUE(help);
  EXPECT_THAT(help->print, HasSubstr("--max-cacheable-byte-size"));
  const Result<Command> version = ParseOptions({"--version"});
  ASSERT_TRUE(version);
  EXPECT_THAT(version->print, testing::MatchesRegex("cu_fuse [0-9.]+\n"));
}

TEST(FindJobDirectory, EvenAmongWrongArguments) {
  EXPECT_EQ(FindJobDirectory({"--nonsense", "--log-output-dir", "/tmp/j"}), "/tmp/j");
  EXPECT_EQ(FindJobDirectory({"-log_output_dir=/tmp/j", "-x"}), "/tmp/j");
  EXPECT_EQ(FindJobDirectory({"--log-output-dir"}), std::nullopt);
  EXPECT_EQ(FindJobDirectory({"--mount", "/tmp/m", "--log-output-dir", "/tmp/m-job"}), "/tmp/m-job");
  for (const char* hidden : {"/tmp/m", "/tmp/m/job"})
    EXPECT_EQ(FindJobDirectory({"-vpath", "/tmp/m", "-log_output_dir", hidden}), std::nullopt) << hidden;
  EXPECT_EQ(FindJobDirectory({}), std::nullopt);
}

}  // namespace
}  // namespace copper::app
