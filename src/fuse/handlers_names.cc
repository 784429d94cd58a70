// lookup, getattr, readlink, forget: what names are.
#include <cstring>

#include "copper/base/path.h"
#include "handlers.h"
#include "kernel_values.h"

namespace copper::fuse {
namespace {

constexpr size_t kNameMax = 255;

}  // namespace

double Handlers::TimeoutOf(const Node& node, TimePoint valid_until) const {
  if (node.live() || node.kind() != NodeKind::kSource) return 0;
  return Timeout(valid_until, parts_.clock.Now());
}

fuse_entry_param Handlers::EntryOf(const Node& node, const Attributes& attributes, TimePoint valid_until) const {
  fuse_entry_param entry{};
  entry.ino = node.id();
  entry.attr = ToStat(attributes, node.number());
  entry.attr_timeout = TimeoutOf(node, valid_until);
  entry.entry_timeout = node.IsNameLasting() ? entry.attr_timeout : 0;
  return entry;
}

void Handlers::SendEntry(Reply& reply, const NodePtr& node, const Node::Known& known) {
  if (!reply.Entry(EntryOf(*node, *known.attributes, known.valid_until))) parts_.inodes.Forget(node->id(), 1);
  parts_.pruner.Relieve();
}

void Handlers::NoteAbout(const Reply& reply, const Node& node) {
  if (reply.use() && node.kind() == NodeKind::kSource) reply.use()->NotePath(node.path(), KindOf(node.type()));
}

void Handlers::NoteWay(const Reply& reply, profile::Way way) {
  if (reply.use()) reply.use()->Note(way);
}

void Handlers::Lookup(Reply reply, fuse_ino_t parent_id, const char* name) {
  const NodePtr parent = parts_.inodes.Find(parent_id);
  if (!parent) return reply.Error(ESTALE);
  if (std::strlen(name) > kNameMax) return reply.Error(ENAMETOOLONG);
  if (parent->kind() == NodeKind::kLiveDirectory || (parent_id == kRootId && name == LiveDirectory::kName)) {
    return LookupLive(std::move(reply), *parent, name);
  }
  std::string path = JoinPath(parent->path(), name);
  if (reply.use()) reply.use()->NotePath(path, profile::PathKind::kUnknown);
  InDirectory(std::move(reply), parent,
              [this, parent, path = std::move(path)](Reply open) mutable { LookIn(std::move(open), parent, path); });
}

void Handlers::InDirectory(Reply reply, NodePtr directory, std::move_only_function<void(Reply)> then) {
  const TimePoint until = directory->known().valid_until;
  const bool sure = directory->id() == kRootId || directory->live() || until == kNever || until > parts_.clock.Now();
  if (sure) return then(std::move(reply));
  Defer<Result<fetch::Found>>(
      parts_.replies, std::move(reply),
      [&](auto done) {
        const TimePoint deadline = parts_.clock.Now() + Server::kMostRechecking;
        parts_.fetcher.LookAgain(directory->path(), deadline, std::move(done));
      },
      [this, directory, then = std::move(then), before = parts_.inodes.refreshes(), changes = directory->changes()](
          Reply& open, const Result<fetch::Found>& found) mutable {
        if (found && found->attributes && !IsStill(*directory, *found->attributes)) return open.Error(ESTALE);
        if (found) Refresh(*directory, *found);
        if (CameBefore(before) || directory->changes() != changes) directory->Expire();
        then(std::move(open));
      });
}

bool Handlers::IsStill(Node& directory, const Attributes& found) const {
  if (!directory.Matches(found)) {
    // Nobody can tell that it has become another one.
    if (directory.had_names() || !found.IsDirectory()) return TakeBackReplaced(directory), false;
    parts_.inodes.SetKnown(directory, {std::make_shared<const Attributes>(found), directory.known().valid_until});
  }
  return true;
}

void Handlers::LookIn(Reply reply, const NodePtr& parent, const std::string& path) {
  Ask<fetch::Found>(
      std::move(reply), [&](auto done, auto use) { parts_.fetcher.Look(path, std::move(done), std::move(use)); },
      [this, path, parent, before = parts_.inodes.refreshes()](Reply& open, Result<fetch::Found> found) {
        if (!found) return open.Error(KernelErrno(found.error().code));
        if (found->listing && !IsStill(*parent, found->listing->directory())) return open.Error(ESTALE);
        parent->NoteNames();
        AnswerLookup(open, {parent, path, *std::move(found), before});
      });
}

// Somebody may run the suspect, so another takes its place only if what he was shown is not what the file is.
void Handlers::AnswerLookup(Reply& reply, Looked looked) {
  const Attributes* const attributes = looked.found.attributes.get();
  const bool kept = attributes != nullptr && !looked.found.live;
  const NodePtr suspect = kept ? parts_.inodes.ToCompare(looked.path, *attributes) : nullptr;
  if (!suspect) return FinishLookup(reply, looked);
  Defer<Status>(
      parts_.replies, std::move(reply), [&](auto done) { suspect->reader()->Compare(kNever, std::move(done)); },
      [this, suspect, looked = std::move(looked)](Reply& open, const Status& equal) mutable {
        if (equal) looked.compared = suspect.get();
        FinishLookup(open, looked);
      });
}

void Handlers::FinishLookup(Reply& reply, const Looked& looked) {
  const NodePtr node = SendFound(reply, looked);
  if (!CameBefore(looked.asked)) return;
  if (node) return TakeBack({node});
  if (!looked.found.attributes) TakeBackAbsent(looked.parent->id(), looked.path, looked.found.valid_until);
}

void Handlers::LookupLive(Reply reply, const Node& parent, std::string_view name) {
  std::optional<LiveDirectory::Made> made;
  if (parent.kind() == NodeKind::kLiveDirectory) {
    made = parts_.live.MakeFile(name);
  } else {
    made = parts_.live.MakeDirectory();
  }
  if (!made) return reply.Error(ENOENT);
  const Node::Known known = made->known;
  SendEntry(reply, parts_.inodes.EnterFresh(std::move(made->identity), known), known);
}

NodePtr Handlers::SendFound(Reply& reply, const Looked& looked) {
  const fetch::Found& found = looked.found;
  if (!found.attributes) {
    const TimePoint now = parts_.clock.Now();
    const bool noted = parts_.absent.Note(looked.path, found.valid_until, now);
    reply.Absent(noted ? Timeout(found.valid_until, now) : 0);
    return nullptr;
  }
  const Node::Known known{found.attributes, found.valid_until};
  if (!found.live) {
    NodePtr node = parts_.inodes.Enter(looked.path, known, looked.asked, looked.compared);
    SendEntry(reply, node, known);
    return node;
  }
  Node::Identity identity;
  identity.live = true;
  identity.path = looked.path;
  identity.type = found.attributes->mode & S_IFMT;
  identity.version = NodeVersion(*found.attributes);
  identity.above = looked.parent->number();
  SendEntry(reply, parts_.inodes.EnterFresh(std::move(identity), known), known);
  return nullptr;
}

void Handlers::Getattr(Reply reply, fuse_ino_t id, fuse_file_info*) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  const Node::Known known = node->known();
  const bool own = node->live() || node->kind() != NodeKind::kSource;  // nobody else knows better
  if (known.attributes && (own || known.valid_until > parts_.clock.Now())) {
    if (!own) NoteWay(reply, profile::Way::kHit);
    return SendAttributes(reply, *node);
  }
  Ask<fetch::Found>(
      std::move(reply),
      [&](auto done, auto use) { parts_.fetcher.Look(node->path(), std::move(done), std::move(use)); },
      [this, node, before = parts_.inodes.refreshes(), changes = node->changes()](Reply& open,
                                                                                  Result<fetch::Found> found) {
        if (!found) return open.Error(KernelErrno(found.error().code));
        Refresh(*node, *found);
        SendAttributes(open, *node);
        const bool is_old = CameBefore(before) || node->changes() != changes;
        if (is_old && node->IsDirectory()) TakeBackListings(*node);
      });
}

// Another version of the file, or none any more, leaves the node with the attributes of its own version, as an open
// file that was replaced keeps its own.
void Handlers::Refresh(Node& node, const fetch::Found& found) const {
  Node::Known known = node.known();
  known.valid_until = found.valid_until;
  if (found.attributes && node.Matches(*found.attributes)) {
    known.attributes = found.attributes;
  } else if (found.attributes && node.IsDirectory()) {
    known.valid_until = TimePoint::min();  // its names are not those that its path leads to
  }
  parts_.inodes.SetKnown(node, std::move(known));
}

void Handlers::SendAttributes(Reply& reply, const Node& node) const {
  const Node::Known known = node.known();
  if (!known.attributes) return reply.Error(ENOENT);
  reply.Attr(ToStat(*known.attributes, node.number()), TimeoutOf(node, known.valid_until));
}

void Handlers::Readlink(Reply reply, fuse_ino_t id) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  const Node::Known known = node->known();
  if (!known.attributes || !known.attributes->IsSymlink()) return reply.Error(EINVAL);
  NoteWay(reply, profile::Way::kHit);
  reply.Link(known.attributes->symlink_target.c_str());
}

void Handlers::Forget(Reply reply, fuse_ino_t id, uint64_t lookups) {
  parts_.inodes.Forget(id, lookups);
  reply.None();
}

void Handlers::ForgetMulti(Reply reply, size_t count, fuse_forget_data* forgets) {
  for (const fuse_forget_data& forget : std::span(forgets, count)) parts_.inodes.Forget(forget.ino, forget.nlookup);
  reply.None();
}

}  // namespace copper::fuse
