#include "copper/jobdir/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

using testing::HasSubstr;

class ControlTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(job_.Prepare()); }

  void Request(const std::string& id, const Json& body) {
    ASSERT_TRUE(WriteWholeFile(job_.control() + "/" + id + ".request", body.dump()));
  }
  // Null where there is no answer.
  Json AnswerTo(const std::string& id) {
    const Result<std::string> text = ReadWholeFile(job_.control() + "/" + id + ".answer");
    return text ? ParseJson(*text).value_or(Json("not JSON")) : Json();
  }
  bool IsEmpty() const { return std::filesystem::is_empty(job_.control()); }

  TemporaryDirectory directory_;
  JobDirectory job_{directory_.path()};
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  int stops_ = 0;
  std::vector<Control::StatusDone> statuses_;
  std::vector<std::pair<std::string, Control::Done>> refreshes_;
  Control control_{job_,
                   {.stop = [this] { ++stops_; },
                    .status = [this](Control::StatusDone done) { statuses_.push_back(std::move(done)); },
                    .refresh = [this](const std::string& path,
                                      Control::Done done) { refreshes_.emplace_back(path, std::move(done)); }},
                   log_};
};

TEST_F(ControlTest, NothingThereNothingDone) {
  control_.Look();
  EXPECT_EQ(stops_, 0);
  EXPECT_TRUE(IsEmpty());
}

TEST_F(ControlTest, PingIsAnsweredAtOnce) {
  Request("a", {{"verb", "ping"}});
  control_.Look();
  EXPECT_EQ(AnswerTo("a")["ok"], true);
}

TEST_F(ControlTest, AnAnswerNeedNotBeUtf8) {
  ASSERT_TRUE(WriteWholeFile(job_.control() + "/a.\xff.request", ""));
  control_.Look();
  EXPECT_EQ(AnswerTo("a")["ok"], false);
}

TEST_F(ControlTest, StopIsAnsweredAtTheEnd) {
  Request("a", {{"verb", "stop"}});
  control_.Look();
  EXPECT_EQ(stops_, 1);
  EXPECT_TRUE(AnswerTo("a").is_null());
  control_.Finish({0, "asked to stop"});
  EXPECT_EQ(AnswerTo("a"), (Json{{"ok", true}, {"message", "asked to stop"}, {"whole", true}}));
}

TEST_F(ControlTest, AnEndThatWentWrongIsToldSo) {
  Request("a", {{"verb", "stop"}});
  control_.Look();
  control_.Finish({1, "some rank did not end"});
  EXPECT_EQ(AnswerTo("a")["ok"], false);
}

TEST_F(ControlTest, StatusIsAnsweredWhenItIsThere) {
  Request("a", {{"verb", "status"}});
  control_.Look();
  ASSERT_EQ(statuses_.size(), 1U);
  EXPECT_TRUE(AnswerTo("a").is_null());
  statuses_[0]({{"ranks", 4}});
  EXPECT_EQ(AnswerTo("a")["status"]["ranks"], 4);
}

TEST_F(ControlTest, ARefreshIsAnsweredWhenItIsOver) {
  Request("a", {{"verb", "refresh"}, {"path", "/pkg"}});
  control_.Look();
  ASSERT_EQ(refreshes_.size(), 1U);
  EXPECT_EQ(refreshes_[0].first, "/pkg");
  EXPECT_TRUE(AnswerTo("a").is_null());
  refreshes_[0].second("refreshed");
  EXPECT_EQ(AnswerTo("a"), (Json{{"ok", true}, {"message", "refreshed"}}));
}

TEST_F(ControlTest, ARefreshThatDidNotReachAllSaysSo) {
  Request("a", {{"verb", "refresh"}});
  control_.Look();
  ASSERT_EQ(refreshes_.size(), 1U);
  EXPECT_EQ(refreshes_[0].first, "") << "everything";
  refreshes_[0].second(Fail(ETIMEDOUT, "not everywhere"));
  EXPECT_EQ(AnswerTo("a"), (Json{{"ok", false}, {"message", "not everywhere"}}));
}

TEST_F(ControlTest, ARefreshThatTheEndOvertakesIsAnsweredToo) {
  Request("a", {{"verb", "refresh"}});
  control_.Look();
  control_.Finish({0, "asked to stop"});
  EXPECT_EQ(AnswerTo("a")["ok"], false);
  EXPECT_THAT(AnswerTo("a")["message"].get<std::string>(), HasSubstr("asked to stop"));
}

TEST_F(ControlTest, LateRequestsAreAnsweredToo) {
  Request("a", {{"verb", "stop"}});
  Request("b", {{"verb", "status"}});
  control_.Finish({0, "over"});
  EXPECT_EQ(AnswerTo("a")["ok"], true);
  EXPECT_EQ(AnswerTo("b")["ok"], false);
  EXPECT_THAT(AnswerTo("b")["message"].get<std::string>(), HasSubstr("over"));
  EXPECT_EQ(stops_, 0);
}

TEST_F(ControlTest, UnknownVerbsAreRefused) {
  Request("a", {{"verb", "dance"}});
  Request("b", {{"verb", 5}});
  Request("c", Json::object());
  control_.Look();
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(AnswerTo(id)["ok"], false) << id;
  EXPECT_THAT(AnswerTo("a")["message"].get<std::string>(), HasSubstr("dance"));
}

TEST_F(ControlTest, WhatIsNoRequestIsRemoved) {
  ASSERT_TRUE(WriteWholeFile(job_.control() + "/a.request", "{"));
  ASSERT_TRUE(WriteWholeFile(job_.control() + "/b.request", "[1]"));
  control_.Look();
  EXPECT_TRUE(IsEmpty());
}

}  // namespace
}  // namespace copper
