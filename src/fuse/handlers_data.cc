// read and lseek.
#include <unistd.h>

#include <algorithm>

#include "handlers.h"

namespace copper::fuse {
namespace {

void SendHeld(Reply& reply, const Bytes& content, uint64_t offset, size_t size) {
  const Bytes piece = content.Slice(offset, size);
  reply.Data({&piece, 1});
}

}  // namespace

void Handlers::Read(Reply reply, fuse_ino_t id, size_t size, off_t from, fuse_file_info*) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  const auto offset = static_cast<uint64_t>(from);
  if (node->IsDirectory()) return reply.Error(EISDIR);
  if (!S_ISREG(node->type())) return reply.Error(EINVAL);
  if (node->kind() != NodeKind::kSource) return SendHeld(reply, node->content(), offset, size);
  const uint64_t end = node->version().size;
  const uint64_t expected = offset >= end ? 0 : std::min<uint64_t>(size, end - offset);
  if (expected == 0) return reply.Data({});
  Ask<std::vector<Bytes>>(
      std::move(reply),
      [&](auto done, auto use) { ReaderOf(*node)->Read(offset, size, std::move(done), std::move(use)); },
      [this, node, offset, expected](Reply& open, Result<std::vector<Bytes>> pieces) {
        node->NoteUse();  // by now; while it waited its answer had the node
        if (!pieces) return open.Error(KernelErrno(pieces.error().code));
        const uint64_t got = TotalSize(*pieces);
        // Too few bytes must not pass for all of them. But the size of a pseudo file is made up: here is its end.
        if (got != expected && !node->live()) return open.Error(EIO);
        if (got != expected) NoteEnd(*node, offset + got);
        open.Data(*pieces);
      });
}

// The kernel asks for the size again when it has read to the end, and fills up to it with zeros.
void Handlers::NoteEnd(Node& node, uint64_t size) const {
  Node::Known known = node.known();
  auto attributes = std::make_shared<Attributes>(*known.attributes);
  attributes->size = size;
  known.attributes = std::move(attributes);
  node.SetKnown(std::move(known));
}

std::shared_ptr<fetch::FileReader> Handlers::ReaderOf(Node& node) {
  bool made = false;
  auto reader = node.Reader([&] {
    made = true;
    const fetch::File file = parts_.fetcher.Open(node.path(), node.version());
    std::shared_ptr<fetch::AheadSink> sink;
    if (!node.live() && parts_.fetcher.IsCacheable(file)) {
      sink = std::make_shared<PageCacheSink>(parts_.notifier, node.id());
    }
    return std::make_shared<fetch::FileReader>(parts_.fetcher, file, std::move(sink));
  });
  if (made) parts_.inodes.NoteRead(node.id());
  return reader;
}

void Handlers::Lseek(Reply reply, fuse_ino_t id, off_t from, int whence, fuse_file_info*) {
  const NodePtr node = parts_.inodes.Find(id);
  if (!node) return reply.Error(ESTALE);
  NoteAbout(reply, *node);
  if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !S_ISREG(node->type())) return reply.Error(EINVAL);
  const auto offset = static_cast<uint64_t>(from);
  if (node->kind() != NodeKind::kSource) {
    if (offset >= node->content().size()) return reply.Error(ENXIO);
    return reply.Offset(whence == SEEK_DATA ? offset : node->content().size());
  }
  Ask<uint64_t>(
      std::move(reply),
      [&](auto done, auto use) {
        parts_.fetcher.Seek({node->path(), node->version()}, offset, whence, std::move(done), std::move(use));
      },
      [](Reply& open, Result<uint64_t> found) {
        if (!found) return open.Error(KernelErrno(found.error().code));
        open.Offset(*found);
      });
}

}  // namespace copper::fuse
