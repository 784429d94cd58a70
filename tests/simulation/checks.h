// What must hold in every run, whatever fails. Each complaint says what, where and when; the first of each kind counts
// most.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/event_queue.h"

namespace copper::simulation {

enum class Check {
  kBytes,      // bytes, sizes, names and absences are those of the source
  kOnce,       // each object is read from the source once, and after a loss once more at most
  kSourceOps,  // never more operations at once than --source-ops
  kForgotten,  // whoever asks is answered
  kLate,       // no later than what the living and the source need
  kErrors,     // no error that the source did not give
  kBudget,     // memory within the budget
  kPeers,      // at most trees x (fanout + 1) peers
  kLeft,       // nothing waits when the events are over
  kEnd,        // the end comes within 30 s
  kStatus,     // the job's status has each rank once: in a row, or as unreachable
  kReduction,  // the profile of all ranks has each living one once, and names the others as missing
  kDeputies,   // one rank speaks for the job: the first of those who may that lives
  kStart,      // all ranks have told each other what they have, or all know whose checks fail
  kCount,
};
std::string_view Name(Check check);

class Checks {
 public:
  explicit Checks(const EventQueue& queue) : queue_(queue) {}

  void Fail(Check check, const std::string& what);
  void Expect(bool holds, Check check, const std::string& what) {
    if (!holds) Fail(check, what);
  }
  bool all_hold() const { return failures_.empty(); }
  bool Holds(Check check) const { return !failures_.contains(check); }
  // A line for each kind that failed.
  std::vector<std::string> Describe() const;

 private:
  struct Failure {
    uint64_t times = 0;
    Duration when{};
    std::string first;
  };
  const EventQueue& queue_;
  std::map<Check, Failure> failures_;
};

}  // namespace copper::simulation
