#include "cli/order.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdio>

#include "cli/verbs.h"
#include "copper/base/control_ioctl.h"
#include "copper/base/unique_fd.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;
namespace {

int Tell(bool done, const std::string& message) {
  if (!done) return Refuse(message);
  std::printf("%s\n", message.c_str());
  return 0;
}

int GiveByDirectory(const JobDirectory& job, const Order& order) {
  const Processes processes(job);
  const Result<Json> answer = Ask(job, order.request, order.timeout, processes);
  if (answer) return Tell(answer->value("ok", false), answer->value("message", std::string("no reason given")));
  const bool ended = answer.error().code == ESRCH;
  return Refuse(answer.error().Describe() + (ended ? DescribeRemains(job) : ""));
}

int GiveByMount(const std::string& mount, const Order& order) {
  const std::string control = mount + "/.copper/control";
  const UniqueFd file(open(control.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Refuse(FailErrno("cannot open " + control).error().Describe());
  TextCommand command;
  if (order.text.size() >= sizeof command.text) return Refuse(order.text + ": File name too long");
  order.text.copy(command.text, sizeof command.text - 1);
  if (ioctl(file.get(), order.command, &command) != 0) {
    return Refuse(FailErrno("cannot " + order.doing + " through " + control).error().Describe());
  }
  return Tell(command.failed == 0, command.text);
}

}  // namespace

int Give(const Place& place, const Order& order) {
  return place.mount_status ? GiveByMount(place.path, order) : GiveByDirectory(place.job, order);
}

}  // namespace copper::cli
