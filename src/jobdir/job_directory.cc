#include "copper/jobdir/job_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "copper/base/files.h"
#include "copper/base/ids.h"
#include "copper/base/unique_fd.h"

namespace copper {
namespace {

constexpr std::string_view kRequestSuffix = ".request";
constexpr std::string_view kReasonSuffix = "-last_reason.txt";
constexpr std::string_view kUnmountedSuffix = "-unmounted";
constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr auto kTakenWithin = std::chrono::seconds(5);  // a living job looks once a second
// Rank 0 may be lost, and a deputy look for it every 30 s only.
constexpr auto kTakenByDeputyWithin = std::chrono::seconds(40);
constexpr auto kAnswerWithin = std::chrono::seconds(10);  // once it has ended
constexpr auto kCheckEvery = std::chrono::seconds(1);     // whether anybody is left to answer
constexpr std::string_view kElsewhere = ".elsewhere.";
constexpr std::string_view kOkSuffix = ".ok.answer";
constexpr std::string_view kFailedSuffix = ".failed.answer";

// Waits until the job has removed the request, which it does when it takes it.
bool IsTaken(const std::string& request, TimePoint deadline, const std::function<bool()>& has_died) {
  TimePoint next_check = std::chrono::steady_clock::now() + kCheckEvery;
  while (access(request.c_str(), F_OK) == 0) {
    const TimePoint now = std::chrono::steady_clock::now();
    const bool check = now >= next_check;
    if (check) next_check = now + kCheckEvery;
    if (now >= deadline || (check && has_died())) return unlink(request.c_str()) != 0;
    PauseBetweenLooks();
  }
  return true;
}

bool IsFull(const Error& error) {
  return error.code == ENOSPC || error.code == EDQUOT;
}

// The file that holds the request.
Result<std::string> PutRequest(const JobDirectory& job, const std::string& base, const Json& request) {
  std::string path = base + std::string(kRequestSuffix);
  Status written = WriteWholeFile(path, request.dump(), 0600);
  if (!written && IsFull(written.error())) {
    path = base + "." + request.value("verb", std::string()) + std::string(kRequestSuffix);
    written = MakeEmptyFile(path);
  }
  if (written) return path;
  const int code = written.error().code;
  if (code == ENOENT || code == ENOTDIR) {
    return Fail(ESRCH, "nothing running in " + job.root() + " (" + written.error().Describe() + ")");
  }
  if (!IsFull(written.error())) {
    return Fail(code, "cannot ask the job in " + job.root() + ": " + written.error().Describe());
  }
  return Fail(ENOSPC, "cannot ask the job in " + job.root() + ", whose file system is full (" +
                          written.error().Describe() +
                          "): free some space there, or give a mount of the job instead, or end its launcher");
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::vector<std::string> NamesEndingIn(const std::string& directory, std::string_view suffix) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> open(opendir(directory.c_str()));
  if (!open) return names;
  while (const dirent* entry = readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(suffix)) names.emplace_back(name);
  }
  return names;
}

std::string Escaped(const std::string& path) {
  std::string name;
  for (const char c : path) name += c == '/' ? "%2F" : c == '%' ? "%25" : std::string(1, c);
  return name;
}

std::string Unescaped(std::string_view name) {
  std::string path;
  for (size_t at = 0; at < name.size(); ++at) {
    const bool slash = name.substr(at).starts_with("%2F");
    path += slash ? '/' : name[at];
    if (name[at] == '%') at += 2;
  }
  return path;
}

// What the name of an empty file beside the answer says; empty where there is none.
std::string TakeElsewhere(const std::string& base) {
  const size_t slash = base.rfind('/');
  const std::string directory = base.substr(0, slash);
  const std::string prefix = base.substr(slash + 1) + std::string(kElsewhere);
  for (const std::string& name : NamesEndingIn(directory, "")) {
    if (!name.starts_with(prefix)) continue;
    unlink((directory + "/" + name).c_str());
    return Unescaped(std::string_view(name).substr(prefix.size()));
  }
  return "";
}

// Whether the request says more than its empty file does, which has its verb for a name.
bool SaysMore(const Json& request, const std::string& file) {
  if (!file.ends_with("." + TextOf(request, "verb") + std::string(kRequestSuffix))) return false;
  for (const auto& [name, value] : request.items()) {
    if (name != "verb" && value != Json("")) return true;
  }
  return false;
}

// ENOENT where there is none yet.
Result<Json> TakeAnswer(const JobDirectory& job, const std::string& base) {
  if (const Result<std::string> text = ReadWholeFile(base + ".answer")) {
    unlink((base + ".answer").c_str());
    return ParseJson(*text);
  }
  for (const std::string_view suffix : {kOkSuffix, kFailedSuffix}) {
    const std::string path = base + std::string(suffix);
    if (access(path.c_str(), F_OK) != 0) continue;
    unlink(path.c_str());
    const std::string elsewhere = TakeElsewhere(base);
    return Json{{"ok", suffix == kOkSuffix},
                {"message", "the file system of " + job.root() + " is full: the job could not say more" +
                                (elsewhere.empty() ? "" : "; what it could save is in " + elsewhere)}};
  }
  return Fail(ENOENT);
}

// Of an earlier job: nothing of it may be taken for this one's.
Status SetAside(const std::string& directory) {
  if (access(directory.c_str(), F_OK) != 0) return {};
  std::string aside;
  for (int number = 1; aside.empty() || access(aside.c_str(), F_OK) == 0; ++number) {
    aside = directory + "." + std::to_string(number);
  }
  if (rename(directory.c_str(), aside.c_str()) != 0)
    return FailErrno("cannot set aside " + directory + " of an earlier job");
  return {};
}

// A place of its own, which may be closed to others: not a directory of the user's that holds other things, too.
bool HoldsOnlyOurs(const std::string& directory) {
  const auto is_ours = [](std::string_view name) {
    return name == "." || name == ".." || name == "logs" || name == "control" || name == "plan" ||
           name.starts_with("tables") || name.starts_with("profiling");
  };
  return std::ranges::all_of(NamesEndingIn(directory, ""), is_ours);
}

Status MakePrivateDirectory(const std::string& path) {
  if (const Status made = MakeDirectories(path, 0700); !made) return made;
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return FailErrno("cannot look at " + path);
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid()) {
    return Fail(EPERM, path + " belongs to somebody else: choose another --log-output-dir");
  }
  if (chmod(path.c_str(), 0700) != 0) return FailErrno("cannot make " + path + " private");
  return {};
}

}  // namespace

void PauseBetweenLooks() {
  std::this_thread::sleep_for(kPoll);
}

std::string JobDirectory::log_file(const std::string& host, int pid) const {
  return logs() + "/" + host + "-" + std::to_string(pid) + "-output.log";
}

std::string JobDirectory::reason_file(const std::string& host, int pid) const {
  return logs() + "/" + host + "-" + std::to_string(pid) + std::string(kReasonSuffix);
}

std::string JobDirectory::unmounted_file(const std::string& host, int pid) const {
  return logs() + "/" + host + "-" + std::to_string(pid) + std::string(kUnmountedSuffix);
}

Status JobDirectory::Make() const {
  const bool is_new = access(root_.c_str(), F_OK) != 0;
  if (const Status made = MakeDirectories(root_); !made) return made;
  if (!is_new && !HoldsOnlyOurs(root_)) return {};
  if (chmod(root_.c_str(), 0700) != 0) return FailErrno("cannot make " + root_ + " private");
  return {};
}

Status JobDirectory::Prepare() const {
  if (const Status made = Make(); !made) return made;
  if (const Status made = MakePrivateDirectory(logs()); !made) return made;
  if (const Status made = MakePrivateDirectory(control()); !made) return made;
  for (const std::string& file : {ready_file(), exit_file()}) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT) return FailErrno("cannot remove " + file + " of an earlier job");
  }
  for (const std::string& name : NamesEndingIn(control(), kRequestSuffix)) unlink((control() + "/" + name).c_str());
  for (const std::string_view suffix : {kReasonSuffix, kUnmountedSuffix}) {
    for (const std::string& name : NamesEndingIn(logs(), suffix)) unlink((logs() + "/" + name).c_str());
  }
  for (const std::string& results : {root_ + "/profiling", root_ + "/tables"}) {
    if (const Status kept = SetAside(results); !kept) return kept;
  }
  if (access(logs().c_str(), W_OK) != 0) return FailErrno("cannot write into " + logs());
  return {};
}

std::string JobDirectory::Id() const {
  struct stat found{};
  if (stat(root_.c_str(), &found) != 0) return "";
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

bool JobDirectory::IsLocked() const {
  const UniqueFd directory(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && flock(directory.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

JobDirectory ElsewhereOf(const std::string& job_id) {
  const char* const given = std::getenv("TMPDIR");
  const std::string base = given == nullptr || *given == '\0' ? "/tmp" : given;
  return JobDirectory(base + "/copper-" + job_id);
}

Result<Json> AskJob(const JobDirectory& job, const Json& request, Duration timeout,
                    const std::function<bool()>& has_died) {
  const Result<JobIdentity> random = JobIdentity::Random();
  if (!random) return std::unexpected(random.error());
  const TimePoint begin = std::chrono::steady_clock::now();
  const std::string base = job.control() + "/" + ToHex(random->id);
  const Result<std::string> asked = PutRequest(job, base, request);
  if (!asked) return std::unexpected(asked.error());
  const bool may_run = access(job.ready_file().c_str(), F_OK) == 0;
  const Duration patience = std::min<Duration>(timeout, may_run ? kTakenByDeputyWithin : kTakenWithin);
  if (!IsTaken(*asked, begin + patience, has_died)) {
    return Fail(ESRCH, "nothing running in " + job.root() + ": nobody takes requests there");
  }
  TimePoint give_up = begin + timeout;
  bool has_ended = false;
  bool is_dead = false;
  TimePoint next_check = begin;
  while (std::chrono::steady_clock::now() < give_up) {
    if (Result<Json> answer = TakeAnswer(job, base); answer || answer.error().code != ENOENT) {
      if (answer && SaysMore(request, *asked))
        (*answer)["message"] = TextOf(*answer, "message") + "; there was room to ask for the verb alone";
      return answer;
    }
    if (is_dead) return Fail(ESRCH, "the job in " + job.root() + " has died meanwhile: none of its processes is left");
    if (std::chrono::steady_clock::now() >= next_check) {
      is_dead = has_died();  // then there is one more look for an answer
      next_check = std::chrono::steady_clock::now() + kCheckEvery;
    }
    // The job's last acts: it removes ready.json, then it answers.
    const bool ended = may_run && access(job.ready_file().c_str(), F_OK) != 0;
    if (ended && !std::exchange(has_ended, true)) {
      give_up = std::min<TimePoint>(give_up, std::chrono::steady_clock::now() + kAnswerWithin);
    }
    PauseBetweenLooks();
  }
  return Fail(ETIMEDOUT, "the job in " + job.root() + " has taken the request, but not answered in time");
}

std::vector<ControlRequest> TakeRequests(const JobDirectory& job) {
  std::vector<ControlRequest> requests;
  for (const std::string& name : NamesEndingIn(job.control(), kRequestSuffix)) {
    const std::string path = job.control() + "/" + name;
    const Result<std::string> text = ReadWholeFile(path);
    unlink(path.c_str());
    if (!text) continue;
    const std::string id = name.substr(0, name.size() - kRequestSuffix.size());
    const size_t dot = id.find('.');
    if (text->empty() && dot != std::string::npos) {
      requests.push_back({id.substr(0, dot), {{"verb", id.substr(dot + 1)}}});
    } else if (Result<Json> body = ParseJson(*text); body && body->is_object()) {
      requests.push_back({id, std::move(*body)});
    }
  }
  return requests;
}

Status Answer(const JobDirectory& job, const std::string& id, const Json& answer) {
  const std::string base = job.control() + "/" + id;
  // Names and paths need not be UTF-8.
  const std::string text = answer.dump(-1, ' ', false, Json::error_handler_t::replace);
  Status written = WriteWholeFile(base + ".answer", text, 0600);
  if (written || !IsFull(written.error())) return written;
  const std::string elsewhere = TextOf(answer, "elsewhere");
  if (!elsewhere.empty()) [[maybe_unused]]
    const Status said = MakeEmptyFile(base + std::string(kElsewhere) + Escaped(elsewhere));
  return MakeEmptyFile(base + std::string(answer.value("ok", false) ? kOkSuffix : kFailedSuffix));
}

}  // namespace copper
