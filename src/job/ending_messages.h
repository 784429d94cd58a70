// How the messages of the end are written into rpc requests: src/wire/README.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>
#include <string_view>

#include "copper/base/clock.h"
#include "copper/job/served.h"
#include "copper/job/stop_reason.h"
#include "copper/rpc/channel.h"
#include "job/rank_list.h"

namespace copper::job {

// kStop's argument: what is said in the lowest 8 bits; above them, for wishes and orders, how old the end is, in
// milliseconds (24 bits); the conductor of an order in the upper half.
enum class StopWord : uint32_t { kPlease = 0, kNow = 1, kGo = 2 };
constexpr unsigned kAgeShift = 8;
constexpr uint32_t kMostAgeMs = UINT32_MAX >> kAgeShift;

// kStop's second argument of wishes and orders: the reason below, who asked above; of the word to go: whether all left.
constexpr unsigned kRankShift = 4;

inline rpc::Request StopMessage(StopWord word, Rank conductor, uint32_t argument2) {
  rpc::Request request;
  request.kind = rpc::Kind::kStop;
  request.argument = static_cast<uint64_t>(word) | uint64_t{conductor} << 32;
  request.argument2 = argument2;
  return request;
}
inline uint32_t PackReason(StopReason reason, Rank asked_by) {
  return static_cast<uint32_t>(reason) | (asked_by << kRankShift);
}
inline void SetAge(rpc::Request& stop, Duration age) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
  stop.argument |= static_cast<uint64_t>(std::clamp<int64_t>(ms, 0, kMostAgeMs)) << kAgeShift;
}
inline Duration AgeOf(const rpc::Request& stop) {
  return std::chrono::milliseconds(static_cast<uint32_t>(stop.argument) >> kAgeShift);
}
inline StopWord WordOf(const rpc::Request& request) {
  return static_cast<StopWord>(request.argument & ((1U << kAgeShift) - 1));
}
inline Rank ConductorOf(const rpc::Request& request) {
  return static_cast<Rank>(request.argument >> 32);
}
inline StopReason ReasonOf(const rpc::Request& request) {
  return static_cast<StopReason>(request.argument2 & ((1U << kRankShift) - 1));
}
inline Rank AskedByOf(const rpc::Request& request) {
  return request.argument2 >> kRankShift;
}

// The payload of kLeft, little endian (as all machines that this runs on are): what was served, then the ranks that did
// not come to the end and those whose mount could not be taken away, 4 bytes each, as many as fit.
inline std::string PackServed(const Served& served) {
  return {reinterpret_cast<const char*>(&served), sizeof served};
}
inline Served UnpackServed(std::string_view payload) {
  Served served;
  if (payload.size() >= sizeof served) std::memcpy(&served, payload.data(), sizeof served);
  return served;
}
// What is to be said of ranks at the end: how many bytes the first list takes (4 bytes), then both lists.
struct Remarks {
  std::set<Rank> lost;
  std::set<Rank> still_mounted;
};
inline std::string PackLeft(const Served& served, const Remarks& remarks) {
  const size_t room = (rpc::kMaxRequestPayload - sizeof served - sizeof(uint32_t)) / 2;
  const std::vector<std::byte> lost = PackRanks(remarks.lost, room);
  const std::vector<std::byte> still_mounted = PackRanks(remarks.still_mounted, room);
  const auto size = static_cast<uint32_t>(lost.size());
  return PackServed(served)
      .append(reinterpret_cast<const char*>(&size), sizeof size)
      .append(reinterpret_cast<const char*>(lost.data()), lost.size())
      .append(reinterpret_cast<const char*>(still_mounted.data()), still_mounted.size());
}
inline Remarks UnpackRemarks(std::string_view payload, uint32_t all_ranks) {
  payload.remove_prefix(std::min(payload.size(), sizeof(Served)));
  uint32_t size = 0;
  if (payload.size() < sizeof size) return {};
  std::memcpy(&size, payload.data(), sizeof size);
  const std::span<const std::byte> ranks = std::as_bytes(std::span(payload)).subspan(sizeof size);
  const size_t split = std::min<size_t>(size, ranks.size());
  const std::vector<Rank> lost = UnpackRanks(ranks.first(split), all_ranks);
  const std::vector<Rank> still_mounted = UnpackRanks(ranks.subspan(split), all_ranks);
  return {{lost.begin(), lost.end()}, {still_mounted.begin(), still_mounted.end()}};
}

}  // namespace copper::job
