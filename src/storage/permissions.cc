#include "storage/permissions.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "storage/retry.h"

namespace copper::storage {
namespace {

// Names what a descriptor is of, whatever happens to its path; nothing is mounted by it.
std::string LinkOf(int file) {
  return "/proc/self/fd/" + std::to_string(file);
}

std::string NameOf(int file) {
  char name[PATH_MAX];
  const ssize_t length = readlink(LinkOf(file).c_str(), name, sizeof name);
  return length > 0 ? std::string(name, static_cast<size_t>(length)) : "a file";
}

}  // namespace

User User::Current() {
  User user{geteuid(), getegid(), {}};
  const int count = getgroups(0, nullptr);
  user.groups.resize(static_cast<size_t>(std::max(count, 0)));
  const int got = getgroups(static_cast<int>(user.groups.size()), user.groups.data());
  user.groups.resize(static_cast<size_t>(std::max(got, 0)));
  return user;
}

bool User::IsIn(gid_t group) const {
  return group == gid || std::ranges::find(groups, group) != groups.end();
}

unsigned Doubtful(const Attributes& attributes, const User& user) {
  if (user.uid == 0 || attributes.uid == user.uid || user.IsIn(attributes.gid)) return 0;
  const unsigned most = (attributes.mode >> 3) & 7, others = attributes.mode & 7;
  return most & ~others & (kMayRead | kMayExecute);
}

// A file that runs as its group is not to run as another.
void GrantByGroup(Attributes& attributes, const User& user, unsigned granted) {
  const unsigned others = attributes.mode & 7;
  attributes.mode = (attributes.mode & ~070U) | ((others | granted) << 3);
  if (!attributes.IsDirectory()) attributes.mode &= ~static_cast<unsigned>(S_ISGID);
  attributes.gid = user.gid;
}

void KeepToUser(Attributes& attributes, const User& user, unsigned allowed) {
  attributes.mode = (attributes.mode & S_IFMT) | (allowed << 6);
  attributes.uid = user.uid;
}

unsigned KernelAccess::Allowed(int file, unsigned wanted) {
  static_assert(kMayRead == R_OK && kMayExecute == X_OK);
  unsigned allowed = 0;
  for (const unsigned one : {kMayRead, kMayExecute}) {
    if ((wanted & one) == 0) continue;
    const std::string link = LinkOf(file);
    if (Retry([&] { return faccessat(AT_FDCWD, link.c_str(), static_cast<int>(one), AT_EACCESS); }) == 0)
      allowed |= one;
  }
  return allowed;
}

bool KernelAccess::HasList(int file) {
  const std::string link = LinkOf(file);
  return Retry([&] { return getxattr(link.c_str(), "system.posix_acl_access", nullptr, 0); }) > 0;
}

void Permissions::Adjust(int directory, const char* name, Attributes& attributes) {
  if (attributes.IsSymlink()) return;
  const unsigned doubtful = options_.for_others ? attributes.mode & 077 : Doubtful(attributes, user_);
  if (doubtful == 0) return;
  UniqueFd opened;
  if (*name != '\0') {
    opened.Reset(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return;
  }
  const int file = opened ? opened.get() : directory;
  if (options_.for_others) return Keep(file, attributes);
  if (const unsigned granted = source_->Allowed(file, doubtful); granted != 0) GrantByGroup(attributes, user_, granted);
}

void Permissions::Keep(int file, Attributes& attributes) {
  if (!source_->HasList(file)) return;
  const unsigned own = (attributes.mode >> 6) & 7;
  KeepToUser(attributes, user_, attributes.uid == user_.uid ? own : source_->Allowed(file, kMayRead | kMayExecute));
  if (!told_.exchange(true) && options_.on_refused) options_.on_refused(NameOf(file));
}

}  // namespace copper::storage
