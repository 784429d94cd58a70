// readdir and readdirplus: pages of a listing.
#include <algorithm>

#include "attributes.h"
#include "handlers.h"

namespace copper::fuse {
namespace {

// What a page of either kind is filled with.
class Page {
 public:
  Page(fuse_req_t request, size_t size, bool plus)
      : request_(request), plus_(plus), bytes_(std::min(size, size_t{1} << 20)) {}

  bool Fits(const char* name) const { return Put(nullptr, name, {}, 0) <= bytes_.size() - used_; }
  void Add(const char* name, const fuse_entry_param& entry, uint64_t offset) {
    used_ += Put(bytes_.data() + used_, name, entry, static_cast<off_t>(offset));
  }
  std::span<const char> bytes() const { return {bytes_.data(), used_}; }

 private:
  size_t Put(char* to, const char* name, const fuse_entry_param& entry, off_t offset) const {
    const size_t room = to == nullptr ? 0 : bytes_.size() - used_;
    if (plus_) return fuse_add_direntry_plus(request_, to, room, name, &entry, offset);
    return fuse_add_direntry(request_, to, room, name, &entry.attr, offset);
  }

  const fuse_req_t request_;
  const bool plus_;
  std::vector<char> bytes_;
  size_t used_ = 0;
};

// A name without attributes (node id 0): the kernel takes its number and type, and asks for the rest when it needs it.
fuse_entry_param Bare(uint64_t number, uint32_t type) {
  fuse_entry_param entry{};
  entry.attr.st_ino = number;
  entry.attr.st_mode = type;
  return entry;
}

}  // namespace

void Handlers::Readdir(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
  ReadDirectory(std::move(reply), id, size, static_cast<uint64_t>(offset), false);
}

void Handlers::Readdirplus(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
  ReadDirectory(std::move(reply), id, size, static_cast<uint64_t>(offset), true);
}

void Handlers::ReadDirectory(Reply reply, fuse_ino_t id, size_t size, uint64_t offset, bool plus) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  if (!node->IsDirectory()) return reply.Error(ENOTDIR);
  const uint64_t before = refreshes_;
  if (offset != 0) {
    const auto position = node->ContinueStream(offset);
    return position ? SendPage(reply, *node, *position, size, plus, before) : reply.Error(ESTALE);
  }
  if (node->kind() == NodeKind::kLiveDirectory) {
    return SendPage(reply, *node, node->BeginStream({parts_.live.List(), TimePoint::min()}), size, plus, before);
  }
  Ask<fetch::Listed>(
      std::move(reply), [&](auto done) { parts_.fetcher.List(node->path(), std::move(done)); },
      [this, node, size, plus, before](Reply& open, Result<fetch::Listed> listed) {
        if (!listed) return open.Error(KernelErrno(listed.error().code));
        SendPage(open, *node, node->BeginStream(std::move(*listed)), size, plus, before);
        // The kernel keeps listings for as long as the directory's times stay; those of pseudo file systems mean
        // nothing.
        if (node->live()) parts_.notifier->InvalidateInode(node->id());
      });
}

void Handlers::SendPage(Reply& reply, Node& directory, const DirectoryPosition& position, size_t size, bool plus,
                        uint64_t refreshes) {
  const ListingPtr& listing = position.listed.listing;
  Page page(reply.request(), size, plus);
  std::vector<NodePtr> entered;
  for (uint64_t at = position.next; at < listing->entries.size() + 2; ++at) {
    if (at < 2) {
      const char* name = at == 0 ? "." : "..";
      if (!page.Fits(name)) break;
      page.Add(name, Bare(directory.number(), S_IFDIR), position.OffsetAfter(at));
      continue;
    }
    const DirectoryEntry& entry = listing->entries[at - 2];
    if (directory.id() == kRootId && entry.name == LiveDirectory::kName) continue;  // ours hides it
    if (!page.Fits(entry.name.c_str())) break;
    const uint64_t device = entry.attributes ? entry.attributes->device : listing->directory.device;
    fuse_entry_param shown = Bare(InodeNumberOf(device, entry.inode), uint32_t{entry.type} << 12);
    if (entry.attributes && plus && !directory.live()) {
      // The attributes stay where they are: in the listing, which the node thereby keeps.
      const Node::Known known{{listing, &*entry.attributes}, position.listed.valid_until};
      const NodePtr node = parts_.inodes.Enter(JoinPath(directory.path(), entry.name), known);
      entered.push_back(node);
      shown = EntryOf(*node, known);
    }
    page.Add(entry.name.c_str(), shown, position.OffsetAfter(at));
  }
  if (!reply.Names(page.bytes())) {
    for (const NodePtr& node : entered) parts_.inodes.Forget(node->id(), 1);
  }
  if (refreshes_ == refreshes) return;
  for (const NodePtr& node : entered) TakeBack(node->path());
  TakeBackListings(directory);
}

}  // namespace copper::fuse
