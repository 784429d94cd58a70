#include "copper/jobdir/command_line.h"

#include <algorithm>
#include <cctype>

namespace copper {
namespace {

bool IsEstablishedSpelling(const std::string& argument) {
  return argument.size() > 2 && argument[0] == '-' && std::isalpha(static_cast<unsigned char>(argument[1])) != 0;
}

}  // namespace

std::vector<std::string> NormalizeArguments(const std::vector<std::string>& arguments,
                                            const std::map<std::string, std::string>& aliases) {
  std::vector<std::string> normal;
  bool options = true;
  for (const std::string& argument : arguments) {
    options = options && argument != "--";
    if (!options || !IsEstablishedSpelling(argument)) {
      normal.push_back(argument);
      continue;
    }
    const size_t end = std::min(argument.find('='), argument.size());
    std::string name = argument.substr(1, end - 1);
    std::ranges::replace(name, '_', '-');
    if (const auto alias = aliases.find(name); alias != aliases.end()) name = alias->second;
    normal.push_back("--" + name + argument.substr(end));
  }
  return normal;
}

}  // namespace copper
