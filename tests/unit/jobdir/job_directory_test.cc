#include "copper/jobdir/job_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

constexpr auto kDeadline = std::chrono::seconds(30);

// Waits for the next request; none after the deadline.
std::vector<ControlRequest> NextRequests(const JobDirectory& job) {
  const TimePoint deadline = std::chrono::steady_clock::now() + kDeadline;
  std::vector<ControlRequest> requests;
  while (requests.empty() && std::chrono::steady_clock::now() < deadline) {
    requests = TakeRequests(job);
    std::this_thread::yield();
  }
  return requests;
}

size_t EntriesIn(const std::string& directory) {
  const auto all = std::filesystem::directory_iterator(directory);
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(JobDirectory, PrepareMakesItAndForgetsTheLastJob) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.At("deep/job"));
  ASSERT_TRUE(job.Prepare());
  struct stat found{};
  ASSERT_EQ(stat(job.control().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
  ASSERT_TRUE(WriteWholeFile(job.ready_file(), "{}"));
  ASSERT_TRUE(WriteWholeFile(job.exit_file(), "{}"));
  ASSERT_TRUE(WriteWholeFile(job.node_file(), "host\n"));
  ASSERT_TRUE(WriteWholeFile(job.control() + "/1.request", "{\"verb\": \"stop\"}"));
  ASSERT_TRUE(job.Prepare());
  EXPECT_FALSE(ReadWholeFile(job.ready_file()));
  EXPECT_FALSE(ReadWholeFile(job.exit_file()));
  EXPECT_TRUE(TakeRequests(job).empty()) << "a stop of an earlier job";
  EXPECT_TRUE(ReadWholeFile(job.node_file()));
}

TEST(JobDirectory, PrepareRefusesWhatIsSomebodyElses) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  if (geteuid() == 0) {
    ASSERT_EQ(mkdir(job.control().c_str(), 0777), 0);
    ASSERT_EQ(chown(job.control().c_str(), 65534, 65534), 0);
  } else {
    ASSERT_EQ(symlink("/", job.control().c_str()), 0);
  }
  const Status refused = job.Prepare();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EPERM);
  EXPECT_NE(refused.error().message.find(job.control()), std::string::npos);
}

TEST(JobDirectory, PrepareFollowsNoSymlinkToControl) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.At("job"));
  ASSERT_TRUE(MakeDirectories(job.root()));
  ASSERT_TRUE(MakeDirectories(directory.At("elsewhere")));
  ASSERT_EQ(symlink("../elsewhere", job.control().c_str()), 0);
  EXPECT_EQ(job.Prepare().error().code, EPERM);
}

TEST(JobDirectory, AskAndAnswer) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  std::thread answering([&job] {
    for (const ControlRequest& request : NextRequests(job)) {
      EXPECT_EQ(request.body["verb"], "status");
      EXPECT_TRUE(Answer(job, request.id, {{"ok", true}, {"echo", request.body["n"]}}));
    }
  });
  const auto answer = AskJob(job, {{"verb", "status"}, {"n", 42}}, kDeadline);
  answering.join();
  ASSERT_TRUE(answer) << answer.error().Describe();
  EXPECT_EQ((*answer)["ok"], true);
  EXPECT_EQ((*answer)["echo"], 42);
  EXPECT_EQ(EntriesIn(job.control()), 0U) << "nothing is left behind";
}

TEST(JobDirectory, NobodyTakesTheRequest) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  const auto answer = AskJob(job, {{"verb", "ping"}}, std::chrono::milliseconds(1));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ESRCH);
  EXPECT_NE(answer.error().message.find(job.root()), std::string::npos);
  EXPECT_TRUE(TakeRequests(job).empty()) << "the request is taken back";
}

TEST(JobDirectory, TheRequestIsTakenButNotAnswered) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  std::thread taking([&job] { EXPECT_EQ(NextRequests(job).size(), 1U); });
  const auto answer = AskJob(job, {{"verb", "stop"}}, std::chrono::milliseconds(500));
  taking.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
}

// As the asking side leaves it on a full disk.
TEST(JobDirectory, ARequestMayBeAName) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.At("job"));
  ASSERT_TRUE(job.Prepare());
  ASSERT_TRUE(WriteWholeFile(job.control() + "/77.stop.request", ""));
  const std::vector<ControlRequest> requests = TakeRequests(job);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].id, "77");
  EXPECT_EQ(requests[0].body, (Json{{"verb", "stop"}}));
  EXPECT_EQ(EntriesIn(job.control()), 0U);
}

TEST(JobDirectory, WhatIsNoRequestIsNotTakenForOne) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  ASSERT_TRUE(WriteWholeFile(job.control() + "/1.request", "stop, please"));
  ASSERT_TRUE(WriteWholeFile(job.control() + "/2.request", "[1, 2]"));
  ASSERT_TRUE(WriteWholeFile(job.control() + "/3.request.tmp7", "{}"));
  ASSERT_TRUE(WriteWholeFile(job.control() + "/4.request", "{\"verb\": \"ping\"}"));
  const auto requests = TakeRequests(job);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].id, "4");
  EXPECT_TRUE(TakeRequests(job).empty());
}

TEST(JobDirectory, NamesItsFiles) {
  const JobDirectory job("/jobs/1");
  EXPECT_EQ(job.log_file("node7", 123), "/jobs/1/logs/node7-123-output.log");
  EXPECT_EQ(job.ready_file(), "/jobs/1/logs/ready.json");
  EXPECT_EQ(job.address_book(), "/jobs/1/logs/copper_address_book.txt");
}

TEST(JobDirectory, NobodyWaitsForAJobThatHasDiedSince) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  ASSERT_TRUE(WriteWholeFile(job.ready_file(), "{}"));
  std::thread taker([&job] { NextRequests(job); });
  const auto answer = AskJob(job, {{"verb", "stop"}}, kDeadline, [] { return true; });
  taker.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ESRCH);
}

TEST(JobDirectory, TheLastAnswerOfADyingJobIsTaken) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  ASSERT_TRUE(job.Prepare());
  ASSERT_TRUE(WriteWholeFile(job.ready_file(), "{}"));
  std::string id;
  std::thread taker([&] { id = NextRequests(job).at(0).id; });
  const auto answer = AskJob(job, {{"verb", "stop"}}, kDeadline, [&] {
    taker.join();
    return Answer(job, id, {{"ok", true}}).has_value();  // and is gone
  });
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)["ok"], true);
}

TEST(JobDirectory, ResultsOfAnEarlierJobAreSetAside) {
  const TemporaryDirectory directory;
  const JobDirectory job(directory.path());
  for (int earlier = 1; earlier <= 2; ++earlier) {
    ASSERT_TRUE(MakeDirectories(job.profiling("final")));
    ASSERT_TRUE(WriteWholeFile(job.profile_file("final"), std::to_string(earlier)));
    ASSERT_TRUE(job.Prepare());
    EXPECT_NE(access(job.profiling("final").c_str(), F_OK), 0);
  }
  EXPECT_EQ(ReadWholeFile(directory.At("profiling.1/final/copper_profile.h5")).value_or(""), "1");
  EXPECT_EQ(ReadWholeFile(directory.At("profiling.2/final/copper_profile.h5")).value_or(""), "2");
}

}  // namespace
}  // namespace copper
