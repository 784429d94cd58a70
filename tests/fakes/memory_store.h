// A source in memory: what a test puts there, counted, and failing or blocking where the test says so.
//
// Parents of a new path are made. Every change gives what it touches a new time (the change time, one nanosecond later
// each), so that versions differ as on a real source. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "copper/base/clock.h"
#include "copper/names/attributes.h"
#include "copper/storage/backing_store.h"

namespace copper::fakes {

class MemoryStore final : public storage::BackingStore {
 public:
  enum class Kind { kLook, kList, kRead, kSeek };
  struct Counts {
    uint64_t looks = 0, lists = 0, reads = 0, seeks = 0;
    uint64_t bytes_read = 0;
    bool operator==(const Counts&) const = default;
  };

  MemoryStore();
  ~MemoryStore() override;

  // --- What is there. A path that is there already is replaced; names that begin with '/' and don't end with it.
  void AddFile(const std::string& path, std::string content, uint32_t permissions = 0644);
  void AddDirectory(const std::string& path, uint32_t permissions = 0755);
  void AddSymlink(const std::string& path, const std::string& target);
  void AddSpecial(const std::string& path, uint32_t mode);  // S_IFIFO | 0644, ...
  void AddHardLink(const std::string& existing, const std::string& path);
  void Remove(const std::string& path);  // with everything below
  // Another file of that name: new inode, new times.
  void Replace(const std::string& path, std::string content);
  // The same file with other bytes: same inode, new times.
  void Rewrite(const std::string& path, std::string content);
  // Other bytes of the same size, under the same inode and mtime: what no version tells, only the ctime beside it.
  void RewriteUnseen(const std::string& path, std::string content);
  // The same, with a new ctime: who has written it has put the times back.
  void RewriteRestoring(const std::string& path, std::string content);
  // A new ctime and nothing else, as a hard link elsewhere, a chmod or a rename leave it.
  void TouchCtime(const std::string& path);
  // Permission bits. Without 0400 a file can't be read, nor a directory be listed (EACCES); nothing else is checked.
  void SetMode(const std::string& path, uint32_t permissions);
  void SetMtime(const std::string& path, const FileTime& mtime);  // as utime(2): the ctime is another then

  // --- Times. A listing answers for absent names if the directory's times are at least 2 s before Now(). Changes are
  // stamped with the change time: by default 1000 s before Now(), so that listings answer for absence.
  static constexpr int64_t kNow = 1'700'000'000'000'000'000;
  void SetNow(int64_t ns);
  void SetChangeTime(int64_t ns);
  // A directory's listings never answer for absence (as on automounts).
  void SetAnswersAbsence(const std::string& directory, bool answers);
  // Whether listings carry attributes. Default: yes.
  void SetAttributesInListings(bool attributes);

  // --- Faults.
  // The next `count` calls of this kind on this path fail with this errno (and are counted).
  void FailNext(Kind kind, const std::string& path, int count, int error);
  // Calls of this kind on this path wait until Release (after counting, before looking); ETIMEDOUT after 10 s, so that
  // a test that forgets one fails instead of hanging.
  void Block(Kind kind, const std::string& path);
  void Release(Kind kind, const std::string& path);
  // Until `calls` of them are waiting; false when that took longer than `timeout`.
  [[nodiscard]] bool WaitUntilBlocked(Kind kind, const std::string& path, int calls,
                                      Duration timeout = std::chrono::seconds(10));

  // --- What was asked.
  Counts counts() const;
  Counts counts(const std::string& path) const;
  void ResetCounts();
  std::vector<std::string> statfs_paths() const;
  // What Look would answer, uncounted, unblocked; the path must be there.
  Attributes Peek(const std::string& path) const;

  Result<Attributes> Look(const std::string& path) override;
  Result<Listing> List(const std::string& path, storage::ListLimit limit) override;
  using BackingStore::Read;
  Result<Bytes> Read(const std::string& path, const FileVersion& version, uint64_t offset, size_t length,
                     storage::Seen& seen) override;
  void Reopen(const std::string&, const FileVersion&) override {}
  Result<uint64_t> Seek(const std::string& path, const FileVersion& version, uint64_t offset, int whence) override;
  Result<StatFs> Statfs(const std::string& path) override;

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  struct Faults {
    std::vector<int> errors;  // of the next calls, last first
    bool blocked = false;
    int waiting = 0;
  };
  using Lock = std::unique_lock<std::mutex>;

  // All of these with the lock held.
  NodePtr Make(uint32_t mode);
  void Touch(Node& node);
  NodePtr MakeParents(const std::string& path);
  void Insert(const std::string& path, NodePtr node);
  Result<NodePtr> Resolve(const std::string& path) const;
  NodePtr MustFind(const std::string& path) const;
  Result<NodePtr> FindVersion(const std::string& path, const FileVersion& version) const;
  Status Enter(Lock& lock, Kind kind, const std::string& path);

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  NodePtr root_;
  uint64_t next_inode_ = 2;
  int64_t changes_ = 0;
  int64_t now_ = kNow;
  int64_t change_time_ = kNow - 1'000'000'000'000;
  bool attributes_in_listings_ = true;
  std::map<std::pair<Kind, std::string>, Faults> faults_;
  Counts total_;
  std::map<std::string, Counts> by_path_;
  std::vector<std::string> statfs_paths_;
};

}  // namespace copper::fakes
