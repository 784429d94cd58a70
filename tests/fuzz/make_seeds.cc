// Writes the seeds that are not texts: fuzz_seeds DIRECTORY (tests/fuzz/corpus), anew whenever the protocol changes.
#include <dirent.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "bootstrap/messages.h"
#include "copper/names/listing_builder.h"
#include "copper/profile/profile_stream.h"
#include "copper/wire/header.h"
#include "copper/wire/payload.h"
#include "fakes/sample_profile.h"
#include "hdf5/profile_file.h"
#include "job/ending_messages.h"
#include "mount/mounter_protocol.h"

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
  for (uint8_t kind = 1; kind <= static_cast<uint8_t>(wire::Kind::kCompare); ++kind) {
    for (const uint8_t flags : {0, 1}) {
      wire::Header header;
      header.kind = static_cast<wire::Kind>(kind);
      header.flags = flags;
      Write("wire_message/kind" + std::to_string(kind) + (flags != 0 ? "-reply" : "-request"),
            wire::Encode(header, payload, wire::Keys(JobIdentity{})), payload);
    }
  }
}

void WriteText(const std::string& name, std::string_view text) {
  Write(name, std::as_bytes(std::span(text)));
}

void WriteBootstrap() {
  bootstrap::Member member{"node1", 4711, "boot", "/tmp/mnt", std::string(16, 'd'), "net"};
  WriteText("bootstrap/member", bootstrap::EncodeMember(member));
  WriteText("bootstrap/peer", bootstrap::EncodeMemberAddress({{std::byte{1}, std::byte{2}}, "10.0.0.1:7"}));
  WriteText("bootstrap/endpoints", bootstrap::EncodeEndpoints({{"cxi", "cxi0", "0x1"}, {"tcp", "eth0", "10.0.0.1"}}));
  WriteText("bootstrap/entries", bootstrap::EncodeEntries(std::vector<bootstrap::BookEntry>{{"10.0.0.1", 1}, {"", 0}}));
}

// As fuzz targets read pieces (pieces.h).
void AddPiece(std::string& pieces, const Bytes& piece) {
  pieces += static_cast<char>(piece.size());
  pieces += static_cast<char>(piece.size() >> 8);
  pieces.append(reinterpret_cast<const char*>(piece.data()), piece.size());
}

void WriteProfiles() {
  const profile::Profile sample = SampleProfile();
  std::string pieces;
  profile::ProfileStream stream(sample);
  while (const auto piece = stream.Next()) AddPiece(pieces, *piece);
  WriteText("profile_stream/sample", pieces);
  std::string runs;
  profile::PathRun paths = sample.paths;
  while (const auto piece = paths.TakePiece()) AddPiece(runs, *piece);
  WriteText("path_run/sample", runs);
  std::filesystem::create_directories(corpus / "profile_file");
  static_cast<void>(hdf5::WriteProfile(corpus / "profile_file/sample", sample));
}

void WriteEnd() {
  WriteText("end_messages/left", job::PackLeft({1, 2, 3, 4, 5, 6, 7, 8, 9}, {{1, 5}, {2, 999}}));
  mount::MounterRequest mount;
  std::strncpy(mount.source, "/soft", sizeof mount.source);
  std::strncpy(mount.point, "/tmp/mnt", sizeof mount.point);
  Write("mounter/mount", std::as_bytes(std::span(&mount, 1)));
  mount::MounterReply reply;
  std::strncpy(reply.message, "no", sizeof reply.message);
  Write("mounter/reply", std::as_bytes(std::span(&reply, 1)));
}

void WriteTexts() {
  for (const char* verb : {"ping", "stop", "status", "refresh", "snapshot", "else"}) {
    WriteText(std::string("control/") + verb,
              R"({"verb":")" + std::string(verb) + R"(","path":"/tmp/mnt/a/../b","tag":"first"})");
  }
  WriteText("control/path", "/soft/../soft/pkg/./numpy//core/");
  WriteText("status/one", R"({"ranks":[{"rank":1,"mounted":true}],"totals":{"ranks":1,"mounted":1,"unreachable":[2],)"
                          R"("waits":[{"rank":1,"seconds":9}],"ranks_left_out":0,"requests":{"total":5}}})");
  WriteText("job_record/ready", R"({"job":"0f","ranks":2,"pid_namespace":"pid:[1]","hosts":["a","b"],"pids":[1,2]})");
  WriteText("job_record/exit", R"({"status":1,"reason":"a rank was lost","lost":[3],"job":"0f"})");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  corpus = argv[1];
  WriteMessages();
  WriteBootstrap();
  WriteProfiles();
  WriteEnd();
  WriteTexts();
  Write("attributes/link", wire::EncodeAttributes(Link()).span());
  for (const int names : {0, 1, 10}) Write("listing/names" + std::to_string(names), ListingOf(names).span());
}
