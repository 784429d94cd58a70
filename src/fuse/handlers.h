// One short function per operation of the kernel. None waits for anything: what is not at hand is answered later, by
// whoever completes it (pending_reply.h).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "copper/base/clock.h"
#include "copper/cache/absent_names.h"
#include "copper/fetch/fetcher.h"
#include "copper/fuse/server.h"
#include "copper/profile/counters.h"
#include "inode_table.h"
#include "live_directory.h"
#include "notifier.h"
#include "pending_reply.h"
#include "pruner.h"
#include "reply.h"
#include "streamed_listings.h"

namespace copper::fuse {

class Handlers final : public fetch::ChangeListener {
 public:
  struct Parts {  // all outlive the handlers, and every answer that is under way
    fetch::Fetcher& fetcher;
    profile::Counters& counters;
    const Clock& clock;
    InodeTable& inodes;
    Pruner& pruner;
    cache::AbsentNames& absent;
    const LiveDirectory& live;
    StreamedListings& streamed;
    std::shared_ptr<Notifier> notifier;
    std::shared_ptr<PendingReplies> replies;
    std::function<void()> on_stop_command;
    Server::TextCommandHook on_refresh_command;
    Server::TextCommandHook on_snapshot_command;
    uint32_t most_protocol_minor = UINT32_MAX;
    profile::Recorder* recorder = nullptr;  // null: nothing is recorded
  };

  explicit Handlers(Parts parts) : parts_(std::move(parts)) {}

  // From now on everything is answered with EIO. Any thread.
  void Refuse() { refusing_ = true; }
  bool refusing() const { return refusing_; }
  profile::Counters& counters() { return parts_.counters; }
  profile::Recorder* recorder() const { return parts_.recorder; }
  // Not where each path that is used is recorded: names that come with a listing are never looked up.
  bool WantsReaddirplus() const { return recorder() == nullptr || !recorder()->options().paths_full; }

  // The kernel's greeting.
  void OnGreeting(const fuse_conn_info& connection);
  // handlers_refresh.cc
  void OnDirectoryChanged(const std::string& path, const std::vector<std::string>& added) override;
  void OnDirectoryReplaced(const std::string& path, const Attributes& now) override;
  void OnRefreshed(const std::string& path, fetch::Told told) override;

  // handlers_names.cc
  void Lookup(Reply reply, fuse_ino_t parent, const char* name);
  void Getattr(Reply reply, fuse_ino_t id, fuse_file_info* file);
  void Readlink(Reply reply, fuse_ino_t id);
  void Forget(Reply reply, fuse_ino_t id, uint64_t lookups);
  void ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets);
  // handlers_directories.cc
  void Readdir(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info* file);
  void Readdirplus(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info* file);
  // handlers_data.cc
  void Read(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info* file);
  void Lseek(Reply reply, fuse_ino_t id, off_t offset, int whence, fuse_file_info* file);
  // handlers_misc.cc
  void Statfs(Reply reply, fuse_ino_t id);
  void Access(Reply reply, fuse_ino_t id, int mask);
  void Ioctl(Reply reply, fuse_ino_t id, unsigned command, void* argument, fuse_file_info* file, unsigned flags,
             const void* in, size_t in_size, size_t out_size);

 private:
  struct PageRequest {
    NodePtr directory;
    size_t size = 0;
    uint64_t offset = 0;
    bool plus = false;
    uint64_t refreshes = 0;  // that there had been when it came
    uint64_t changes = 0;    // the directory's, by then
  };

  // Asks fetch, with `start(done, use)`; see Defer.
  template <class T, class Start, class AnswerWith>
  void Ask(Reply reply, Start start, AnswerWith answer) {
    profile::UsePtr use = reply.use();
    Defer<Result<T>>(
        parts_.replies, std::move(reply), [&](auto done) { start(std::move(done), std::move(use)); },
        std::move(answer));
  }
  // What the request is about, and how it is answered, for its record.
  static void NoteAbout(const Reply& reply, const Node& node);
  static void NoteWay(const Reply& reply, profile::Way way);
  double TimeoutOf(const Node& node, TimePoint valid_until) const;
  fuse_entry_param EntryOf(const Node& node, const Attributes& attributes, TimePoint valid_until) const;
  void SendEntry(Reply& reply, const NodePtr& node, const Node::Known& known);
  // `then(reply)`, when it is sure that this directory is the one that it was; else ESTALE, and `then` is not called.
  // It is looked at again where it may be another one by now: after a refresh, a change, or its time.
  void InDirectory(Reply reply, NodePtr directory, std::move_only_function<void(Reply)> then);
  // Whether its path, where this was found, still means this directory: names are told of one directory only.
  bool IsStill(Node& directory, const Attributes& found) const;
  void LookIn(Reply reply, const NodePtr& parent, const std::string& path);
  void ListNames(Reply reply, const PageRequest& page);
  void LookupLive(Reply reply, const Node& parent, std::string_view name);
  // What was found of a path, once it is sure which node that is.
  struct Looked {
    NodePtr parent;
    std::string path;
    fetch::Found found;
    uint64_t asked = 0;              // after so many refreshes
    const Node* compared = nullptr;  // see InodeTable::Enter
  };
  void AnswerLookup(Reply& reply, Looked looked);
  // The node that it was answered with; null: absent, or nothing that a refresh is about.
  NodePtr SendFound(Reply& reply, const Looked& looked);
  void FinishLookup(Reply& reply, const Looked& looked);
  void Refresh(Node& node, const fetch::Found& found) const;
  void SendAttributes(Reply& reply, const Node& node) const;

  void ReadDirectory(Reply reply, PageRequest page);
  void SendPage(Reply& reply, const PageRequest& page, const fetch::Listed& listed);
  static uint64_t NumberOf(const Node& directory, const Listing& listing);
  // What `..` in it is: st_ino of its parent, of the root its own.
  uint64_t NumberAbove(const Node& directory) const;
  fuse_entry_param ShownEntry(const PageRequest& page, const Listing& listing, const DirectoryEntry& entry,
                              TimePoint valid_until);

  // By name: it is dropped where it can't be expired, if it `is_still` to be when the kernel is told. Somebody may have
  // looked it up by then, and what he found is his to use.
  void TakeBackName(uint64_t directory, std::string name, std::move_only_function<bool()> is_still,
                    const Notifier::Purpose& purpose = {}) const;
  // Which the kernel believes in until then.
  void TakeBackAbsent(uint64_t directory, const std::string& path, TimePoint until,
                      const Notifier::Purpose& purpose = {}) const;
  // Its path means another directory now.
  void TakeBackReplaced(Node& directory) const;
  void TakeBackListings(Node& directory, const Notifier::Purpose& purpose = {}) const;
  // These are suspect; `purpose`: see Notifier. An answer that was asked for before a refresh
  // and sent after it is taken back, too: each who asks notes how many refreshes there had been, and looks at it again
  // when the kernel has the answer.
  void TakeBack(std::vector<NodePtr> suspects, const Notifier::Purpose& purpose = {}) const;
  bool CameBefore(uint64_t refreshes) const { return parts_.inodes.refreshes() != refreshes; }
  // Of a TextCommand.
  void Obey(Reply reply, const Server::TextCommandHook& hook, std::span<const std::byte> in, size_t out_size);

  void NoteEnd(Node& node, uint64_t size) const;
  std::shared_ptr<fetch::FileReader> ReaderOf(Node& node);

  Parts parts_;
  std::atomic<bool> refusing_{false};
};

// The operations of a session whose user data is a Handlers.
fuse_lowlevel_ops MakeOperations();

}  // namespace copper::fuse
