// readdir and readdirplus: pages of a listing.
#include <algorithm>

#include "copper/base/path.h"
#include "handlers.h"
#include "kernel_values.h"

namespace copper::fuse {
namespace {

// What a page of either kind is filled with.
class Page {
 public:
  Page(fuse_req_t request, size_t size, bool plus)
      : request_(request), plus_(plus), bytes_(std::min(size, size_t{1} << 20)) {}

  // Names are NUL-terminated here.
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

// . and .., as far as the reader has not had them.
void AddDots(Page& page, uint64_t own, uint64_t above, uint64_t position) {
  for (uint64_t had = position; had < Listing::kBeforeNames; ++had) {
    const char* const name = had == 0 ? "." : "..";
    if (page.Fits(name)) page.Add(name, Bare(had == 0 ? own : above, S_IFDIR), had + 1);
  }
}

}  // namespace

void Handlers::Readdir(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
  ReadDirectory(std::move(reply),
                {parts_.inodes.Find(id), size, static_cast<uint64_t>(offset), false, parts_.inodes.refreshes()});
}

void Handlers::Readdirplus(Reply reply, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
  ReadDirectory(std::move(reply),
                {parts_.inodes.Find(id), size, static_cast<uint64_t>(offset), true, parts_.inodes.refreshes()});
}

void Handlers::ReadDirectory(Reply reply, PageRequest page) {
  if (!page.directory) return reply.Error(ESTALE);
  Node& node = *page.directory;
  NoteAbout(reply, node);
  if (!node.IsDirectory()) return reply.Error(ENOTDIR);
  page.changes = node.changes();
  if (page.offset != 0) {
    if (const fetch::Listed streamed = parts_.streamed.Find(node.id()); streamed.listing) {
      const bool is_end = streamed.listing->FirstAfter(page.offset) == streamed.listing->size();
      if (!is_end) NoteWay(reply, profile::Way::kHit);
      return SendPage(reply, page, streamed);
    }
  }
  if (node.kind() == NodeKind::kLiveDirectory) return SendPage(reply, page, {parts_.live.List(), TimePoint::min()});
  InDirectory(std::move(reply), page.directory, [this, page](Reply open) { ListNames(std::move(open), page); });
}

void Handlers::ListNames(Reply reply, const PageRequest& page) {
  const Node& node = *page.directory;
  Ask<fetch::Listed>(
      std::move(reply), [&](auto done, auto use) { parts_.fetcher.List(node.path(), std::move(done), std::move(use)); },
      [this, page](Reply& open, Result<fetch::Listed> listed) {
        if (!listed) return open.Error(KernelErrno(listed.error().code));
        if (!IsStill(*page.directory, listed->listing->directory())) return open.Error(ESTALE);
        page.directory->NoteNames();
        SendPage(open, page, *listed);
        // The kernel keeps listings for as long as the directory's times stay; those of pseudo file systems mean
        // nothing.
        if (page.directory->live()) parts_.notifier->InvalidateInode(page.directory->id());
      });
}

// As a node, one lookup more; or bare, and the kernel looks it up if it needs it: so where the listing is not to be
// believed, since it might say of a name that is in use that it is another node.
fuse_entry_param Handlers::ShownEntry(const PageRequest& page, const Listing& listing, const DirectoryEntry& entry,
                                      TimePoint valid_until) {
  const Node& directory = *page.directory;
  const std::optional<Attributes> attributes = entry.attributes();
  if (attributes && page.plus && !directory.live() && valid_until > parts_.clock.Now()) {
    const NodePtr node =
        parts_.inodes.EnterIfRoom(JoinPath(directory.path(), entry.name), *attributes, valid_until, page.refreshes);
    if (node) return EntryOf(*node, *attributes, valid_until);
  }
  const uint64_t file_system = attributes ? attributes->file_system : listing.directory().file_system;
  return Bare(InodeNumberOf(file_system, entry.inode), uint32_t{entry.type} << 12);
}

// The kernel may ask for the root's names first.
uint64_t Handlers::NumberOf(const Node& directory, const Listing& listing) {
  const Attributes& attributes = listing.directory();
  return directory.number() != 0 ? directory.number() : InodeNumberOf(attributes.file_system, attributes.inode);
}

uint64_t Handlers::NumberAbove(const Node& directory) const {
  if (directory.above() != 0) return directory.above();
  const NodePtr parent = parts_.inodes.FindDirectory(std::string(ParentPath(directory.path())));
  return parent && parent->number() != 0 ? parent->number() : directory.number();
}

void Handlers::SendPage(Reply& reply, const PageRequest& request, const fetch::Listed& listed) {
  Node& directory = *request.directory;
  const Listing& listing = *listed.listing;
  Page page(reply.request(), request.size, request.plus);
  AddDots(page, NumberOf(directory, listing), NumberAbove(directory), request.offset);
  std::vector<uint64_t> entered;
  std::string name;
  for (size_t at = listing.FirstAfter(request.offset); at < listing.size(); ++at) {
    const DirectoryEntry entry = listing[at];
    if (directory.id() == kRootId && entry.name == LiveDirectory::kName) continue;  // ours hides it
    name = entry.name;
    if (!page.Fits(name.c_str())) break;
    const fuse_entry_param shown = ShownEntry(request, listing, entry, listed.valid_until);
    if (shown.ino != 0) entered.push_back(shown.ino);
    page.Add(name.c_str(), shown, listing.PositionAfter(at));
  }
  if (page.bytes().empty()) {
    parts_.streamed.Drop(directory.id());  // the end
  } else {
    parts_.streamed.Use(directory, listed, request.changes);
  }
  if (!reply.Names(page.bytes())) {
    for (const uint64_t id : entered) parts_.inodes.Forget(id, 1);
  }
  // The kernel was told of a change, perhaps, before it had this page of an older listing, which it keeps.
  if (directory.changes() != request.changes) parts_.notifier->InvalidateInode(directory.id());
  if (!CameBefore(request.refreshes)) return;
  std::vector<NodePtr> suspects;
  for (const uint64_t id : entered) {
    if (NodePtr node = parts_.inodes.Find(id)) suspects.push_back(std::move(node));
  }
  TakeBack(std::move(suspects));
  TakeBackListings(directory);
}

}  // namespace copper::fuse
