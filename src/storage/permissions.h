// What the kernel, which decides by mode, owner and group (default_permissions), is to be told of a file whose source
// decides by an access control list, too.
//
// Where a file has one, the group bits of its mode are the list's mask: the most that anybody whom the list names may
// do, and not what the owning group may. So a list matters to the job's user only where the mode denies what the group
// bits would allow; only then is the source asked, which knows (access(2): lists of any kind, groups). What it grants
// is shown as bits of one of the user's groups. Those of others stay: a copy must not be readable by all.
//
// Where other users may use the mount, the mode of a file with a list says nothing certain of them: it is shown as the
// job's user's alone. That is asked of each file (POSIX lists only), and said in the log once.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "copper/base/unique_fd.h"
#include "copper/names/attributes.h"

namespace copper::storage {

// Bits as in the last digit of a mode: what is read and searched, or executed. Nothing is ever written.
inline constexpr unsigned kMayRead = 4, kMayExecute = 1;

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // the supplementary ones

  static User Current();  // of this process, as it is checked
  bool IsIn(gid_t group) const;
};

// What the mode denies this user and a list may allow. 0 for the owner, whose bits are true with any list, for the
// owning group, whose bits nobody exceeds, and for root.
unsigned Doubtful(const Attributes& attributes, const User& user);
// Shows that the user, who is neither the owner nor in its group, may do this beyond what others may.
void GrantByGroup(Attributes& attributes, const User& user, unsigned granted);
// Shows that the user may do this, and nobody else anything.
void KeepToUser(Attributes& attributes, const User& user, unsigned allowed);

// The source's word on one file.
class AccessSource {
 public:
  virtual ~AccessSource() = default;
  // Which of `wanted` this process's user may do.
  virtual unsigned Allowed(int file, unsigned wanted) = 0;
  virtual bool HasList(int file) = 0;
};

// By system calls, on descriptors that may be O_PATH.
class KernelAccess final : public AccessSource {
 public:
  unsigned Allowed(int file, unsigned wanted) override;
  bool HasList(int file) override;
};

class Permissions {
 public:
  struct Options {
    bool for_others = false;                                  // --allow-other
    std::function<void(const std::string& file)> on_refused;  // of the first file that is kept from others; any thread
  };
  Permissions(Options options, User user, std::unique_ptr<AccessSource> source)
      : options_(std::move(options)), user_(std::move(user)), source_(std::move(source)) {}

  // `attributes`: as LookAt gave them, of a name in an open directory, or of the descriptor itself where it is "".
  void Adjust(int directory, const char* name, Attributes& attributes);

 private:
  void Keep(int file, Attributes& attributes);

  const Options options_;
  const User user_;
  const std::unique_ptr<AccessSource> source_;
  std::atomic<bool> told_{false};
};

}  // namespace copper::storage
