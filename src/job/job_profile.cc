#include "copper/job/job_profile.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "copper/base/files.h"
#include "copper/jobdir/snapshot_tag.h"
#include "copper/profile/profile_file.h"
#include "copper/profile/table_occupancy.h"

namespace copper::job {
namespace {

using profile::Profile;

constexpr auto kSnapshotTime = std::chrono::seconds(60);
constexpr auto kBeforeEndTime = std::chrono::seconds(10);  // nobody waits longer for the end than for the ranks
constexpr std::string_view kBeforeEnd = "pre-destroy";

std::string NameLost(const Profile& whole) {
  const std::vector<Rank> missing = whole.Missing();
  return missing.empty() ? std::string() : fmt::format("; without rank {}", fmt::join(missing, ", "));
}

bool Exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}

// ETIMEDOUT where it does not come back.
Status Try(const JobProfile::Aside& aside, std::string_view what, const std::function<Status()>& work,
           const std::string& if_it_hangs) {
  const auto done = std::make_shared<Status>();
  if (!aside(what, [done, work] { *done = work(); })) return Fail(ETIMEDOUT, if_it_hangs);
  return *done;
}

}  // namespace

JobProfile::JobProfile(Options options, JobDirectory job, Parts parts, Own own)
    : options_(std::move(options)),
      job_(std::move(job)),
      parts_(parts),
      own_(std::move(own)),
      next_(parts.clock.Now() + options_.interval) {}

void JobProfile::Snapshot(std::string tag, Done done) {
  if (!options_.is_on) {
    return done(Fail(
        ENOTSUP, "profiling is off: start cu_fuse with --profile-metrics, --profile-top-n or --profile-paths-full"));
  }
  if (tag.empty()) tag = SnapshotTagOfNow();
  if (const Status good = CheckSnapshotTag(tag); !good) return done(std::unexpected(good.error()));
  const std::string file = job_.profile_file(tag);
  if (Exists(file)) return done(Fail(EEXIST, file + " exists: give the snapshot another name"));
  Start(tag, kSnapshotTime, std::move(done));
}

void JobProfile::SnapshotBeforeEnd(std::move_only_function<void()> done) {
  if (!options_.is_on) return done();
  Start(std::string(kBeforeEnd), kBeforeEndTime,
        [done = std::move(done)](const Result<std::string>&) mutable { done(); });
}

void JobProfile::OnTick() {
  if (options_.interval == Duration(0) || parts_.clock.Now() < next_ || busy_) return;
  next_ = std::max(next_ + options_.interval, parts_.clock.Now());
  Start(fmt::format("interval-{:04}", ++intervals_), kSnapshotTime, [](const Result<std::string>&) {});
}

void JobProfile::Start(const std::string& tag, Duration time, Done done) {
  if (busy_) return done(Fail(EBUSY, "another snapshot is being written: try again when it is there"));
  busy_ = true;
  parts_.workers.Submit([this, tag, deadline = parts_.clock.Now() + time, done = std::move(done)]() mutable {
    Result<std::string> written = Write(tag, deadline);
    parts_.loop.Submit([this, written = std::move(written), done = std::move(done)]() mutable {
      busy_ = false;
      if (written) {
        parts_.log.Info("{}", *written);
      } else {
        parts_.log.Error("{}", written.error().Describe());
      }
      done(std::move(written));
    });
  });
}

std::string JobProfile::NotOurs() const {
  return job_.root() + " is gone, or another job's by now";
}

Result<std::string> JobProfile::Write(const std::string& tag, TimePoint deadline) {
  std::optional<Profile> profile = own_(tag);
  if (const Status reduced = parts_.reducer.Reduce(profile, deadline); !reduced)
    return std::unexpected(reduced.error());
  CutTop(*profile);
  if (!parts_.claim.IsOurs()) return Fail(ESTALE, "no profile is written: " + NotOurs());
  const std::string file = job_.profile_file(tag);
  if (const Status written = profile::WriteProfile(file, *profile); !written) return std::unexpected(written.error());
  return "wrote " + file + " from " + std::to_string(profile->ranks.size()) + " ranks" + NameLost(*profile);
}

std::optional<JobProfile::Unwritten> JobProfile::KeepWhole(const Profile& whole, const Aside& aside) const {
  const auto cut = std::make_shared<Profile>(whole);  // for work that may be left behind
  CutTop(*cut);
  return Keep(
      *cut, aside, [this, cut] { return WriteWhole(*cut); }, JobDirectory(options_.elsewhere).profile_file(cut->tag));
}

std::optional<JobProfile::Unwritten> JobProfile::KeepOwn(const Profile& own, const Aside& aside) const {
  if (own.ranks.empty()) return std::nullopt;
  const auto copy = std::make_shared<const Profile>(own);
  return Keep(
      own, aside, [this, copy] { return WriteOwn(*copy); },
      JobDirectory(options_.elsewhere).rank_profile_file(own.ranks.front().rank));
}

std::optional<JobProfile::Unwritten> JobProfile::Keep(const Profile& profile, const Aside& aside,
                                                      const std::function<Status()>& write,
                                                      const std::string& elsewhere) const {
  // A rank that is none of the first has not loaded it yet.
  const Status loaded = profile.IsOn() ? Try(aside, "what loads copper_hdf5.so", profile::LoadProfileFiles,
                                             "copper_hdf5.so can't be loaded: the file system it lies on hangs")
                                       : Status();
  const Status written = loaded ? Try(aside, "what writes into the job directory", write,
                                      job_.root() + " takes nothing: what is written hangs")
                                : loaded;
  if (written || !profile.IsOn() || profile.ranks.empty()) return std::nullopt;
  const Status saved = loaded ? Save(elsewhere, profile) : loaded;
  Unwritten unwritten{.what = "the profile could not be written (" + written.error().Describe() + ")"};
  if (saved) unwritten.elsewhere = elsewhere + " on " + options_.host;
  if (saved) unwritten.what += ", and lies in " + unwritten.elsewhere;
  if (loaded && !saved) unwritten.what += ", nor elsewhere: " + saved.error().Describe();
  parts_.log.Error("{}", unwritten.what);
  return unwritten;
}

Status JobProfile::WriteWhole(const Profile& whole) const {
  if (!parts_.claim.IsOurs()) return whole.IsOn() ? Fail(ESTALE, NotOurs()) : Status();
  Status written;
  if (whole.IsOn()) written = profile::WriteProfile(job_.profile_file(whole.tag), whole);
  if (written) written = profile::WriteOccupancy(job_.final_tables(), whole.ranks);
  if (written && whole.paths_full) written = profile::WritePathTable(job_.final_tables() + "/copper_tables.h5", whole);
  if (!whole.IsOn()) {
    if (!written) parts_.log.Error("{}", written.error().Describe());
    return {};
  }
  if (written) parts_.log.Info("wrote {}{}", job_.profile_file(whole.tag), NameLost(whole));
  return written;
}

Status JobProfile::WriteOwn(const Profile& own) const {
  if (!own.IsOn()) return {};
  if (!parts_.claim.IsOurs()) return Fail(ESTALE, NotOurs());
  const std::string file = job_.rank_profile_file(own.ranks.front().rank);
  const Status written = profile::WriteProfile(file, own);
  if (written) parts_.log.Warning("the profile could not be handed on: wrote {}", file);
  return written;
}

Status JobProfile::Save(const std::string& file, const Profile& profile) const {
  const Status made = MakeDirectories(options_.elsewhere, 0700);
  return made ? profile::WriteProfile(file, profile) : made;
}

}  // namespace copper::job
