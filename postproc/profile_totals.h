// The totals of a job's profile under their names: what the summary shows, the CSV holds, and scripts read.
#pragma once

#include <string>
#include <vector>

#include "copper/profile/profile.h"

namespace copper::postproc {

struct Total {
  std::string name;
  std::string value;
  std::string meaning;  // Markdown, one line
};

// Those of the operations are left out where operations were not recorded (Profile::metrics).
std::vector<Total> Totals(const profile::Profile& profile);

// "metric,value" and a line for each.
std::string TotalsCsv(const std::vector<Total>& totals, const std::vector<std::string>& files);

// A line for each operation, those without calls too.
std::string OperationsCsv(const profile::Profile& profile);

// The numbers of an operation as both the CSV and the summary show them, after its name.
std::vector<std::string> OperationCells(std::string name, const profile::OperationUse& use);
inline constexpr size_t kOperationCells = 11;

}  // namespace copper::postproc
