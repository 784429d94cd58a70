// Writes the seeds that are not texts: fuzz_seeds DIRECTORY (tests/fuzz/corpus), anew whenever the protocol changes.
#include <dirent.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "copper/base/listing_builder.h"
#include "copper/wire/header.h"
#include "copper/wire/payload.h"

namespace {

using namespace copper;

std::filesystem::path corpus;

void Write(const std::string& name, std::span<const std::byte> bytes, std::span<const std::byte> more = {}) {
  std::filesystem::create_directories((corpus / name).parent_path());
  std::ofstream file(corpus / name, std::ios::binary);
  for (const auto part : {bytes, more}) {
    file.write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
  }
}

Attributes Link() {
  Attributes link;
  link.mode = S_IFLNK | 0777;
  link.symlink_target = "../lib";
  link.size = link.symlink_target.size();
  return link;
}

Bytes ListingOf(int names) {
  Attributes directory;
  directory.mode = S_IFDIR | 0755;
  ListingBuilder builder(directory);
  const Attributes link = Link();
  for (int i = 0; i < names; ++i) {
    static_cast<void>(
        builder.Add("name" + std::to_string(i), 1, i % 2 == 0 ? DT_LNK : DT_REG, i % 2 == 0 ? &link : nullptr));
  }
  if (names > 2) {  // of the same hash
    for (const char* name : {"16d07a3c6868cc", "1a0c4e93bf2ffd"}) static_cast<void>(builder.Add(name, 1, DT_REG));
  }
  return wire::EncodeListing(builder.Build(true));
}

void WriteMessages() {
  const std::string path = "/pkg/numpy/__init__.py";
  const std::span payload = std::as_bytes(std::span(path));
  for (uint8_t kind = 1; kind <= static_cast<uint8_t>(wire::Kind::kReduce); ++kind) {
    for (const uint8_t flags : {0, 1}) {
      wire::Header header;
      header.kind = static_cast<wire::Kind>(kind);
      header.flags = flags;
      Write("wire_message/kind" + std::to_string(kind) + (flags != 0 ? "-reply" : "-request"),
            wire::Encode(header, payload, {}), payload);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  corpus = argv[1];
  WriteMessages();
  Write("attributes/link", wire::EncodeAttributes(Link()).span());
  for (const int names : {0, 1, 10}) Write("listing/names" + std::to_string(names), ListingOf(names).span());
}
