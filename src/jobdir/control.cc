#include "copper/jobdir/control.h"

namespace copper {
namespace {

std::string VerbOf(const Json& body) {
  return TextOf(body, "verb");
}

}  // namespace

void Control::Look() {
  for (const ControlRequest& request : TakeRequests(job_)) OnRequest(request);
}

void Control::OnRequest(const ControlRequest& request) {
  const std::string verb = VerbOf(request.body);
  if (verb == "ping") {
    Reply(request.id, {{"ok", true}, {"message", "running"}});
  } else if (verb == "stop") {
    stops_.push_back(request.id);
    hooks_.stop();
  } else if (verb == "status") {
    hooks_.status([this, id = request.id](Json status) {
      Reply(id, {{"ok", true}, {"message", "running"}, {"status", std::move(status)}});
    });
  } else if (verb == "refresh") {
    hooks_.refresh(TextOf(request.body, "path"), AnswerLater(request.id));
  } else if (verb == "snapshot") {
    hooks_.snapshot(TextOf(request.body, "tag"), AnswerLater(request.id));
  } else {
    Reply(request.id, {{"ok", false}, {"message", "this job does not know the request '" + verb + "'"}});
  }
}

Control::Done Control::AnswerLater(const std::string& id) {
  begun_.insert(id);
  return [this, id](const Result<std::string>& outcome) {
    begun_.erase(id);
    Reply(id, {{"ok", outcome.has_value()}, {"message", outcome ? *outcome : outcome.error().Describe()}});
  };
}

void Control::Finish(const End& end, bool late_too) {
  for (const ControlRequest& late : late_too ? TakeRequests(job_) : std::vector<ControlRequest>()) {
    if (VerbOf(late.body) == "stop") {
      stops_.push_back(late.id);
    } else {
      Reply(late.id, {{"ok", false}, {"message", "the job has ended: " + end.reason}});
    }
  }
  for (const std::string& id : begun_) {
    Reply(id, {{"ok", false}, {"message", "the job has ended meanwhile: " + end.reason}});
  }
  begun_.clear();
  for (const std::string& id : stops_) {
    Json answer = {{"ok", end.status == 0}, {"message", end.reason}, {"whole", end.whole}};
    if (!end.elsewhere.empty()) answer["elsewhere"] = end.elsewhere;
    Reply(id, answer);
  }
  stops_.clear();
}

void Control::Reply(const std::string& id, const Json& answer) {
  if (const Status written = Answer(job_, id, answer); !written) {
    log_.Error("cannot answer a request in control/: {}", written.error().Describe());
  }
}

}  // namespace copper
