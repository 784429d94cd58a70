#include "simulation/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>

#include "copper/base/chunk_size.h"
#include "simulation/svg.h"

namespace copper::simulation {
namespace {

using Cell = std::optional<Report> TableRow::*;

double Seconds(const Report& report) {
  return std::chrono::duration<double>(report.until_done).count();
}
double MiB(uint64_t bytes) {
  return static_cast<double>(bytes) / 0x1p20;
}
double MeanBytes(const Report& report, uint32_t nodes) {
  return static_cast<double>(report.total.bytes_sent) / nodes;
}
double MeanMessages(const Report& report, uint32_t nodes) {
  return static_cast<double>(report.total.messages_sent) / nodes;
}
double BusiestBytes(const Report& report, uint32_t nodes) {
  const double mean = MeanBytes(report, nodes);
  return mean > 0 ? static_cast<double>(report.busiest.bytes_sent) / mean : 0;
}
double BusiestRequests(const Report& report) {
  return report.mean_served > 0 ? static_cast<double>(report.most_served) / report.mean_served : 0;
}

// What each node does, in steps; of a large file each chunk is one.
double WorkOf(const Workload& workload, uint32_t nodes) {
  uint64_t steps = workload.steps.size();
  for (const Step& step : workload.steps) {
    if (step.doing == Doing::kRead) steps += workload.tree.SizeOf(step.id) / kChunkSize;
  }
  return static_cast<double>(steps) * nodes;
}

struct Kind {
  std::string_view name;
  Cell cell;
  bool is_large, is_direct;
};
constexpr Kind kKinds[] = {{"import", &TableRow::import, false, false},
                           {"import, direct", &TableRow::import_direct, false, true},
                           {"large file", &TableRow::large, true, false},
                           {"large file, direct", &TableRow::large_direct, true, true}};

CommandOptions Cut(const CommandOptions& options, const Kind& kind, uint32_t nodes) {
  CommandOptions cut = options;
  cut.table.clear();
  cut.run.nodes = nodes;
  cut.run.trees = std::min(options.run.trees, nodes);
  cut.run.is_direct = kind.is_direct;
  if (kind.is_direct || kind.is_large) cut.run.kernel.read_bytes = kChunkSize;
  if (!kind.is_large) return cut;
  cut.workload = WorkloadKind::kLarge;
  cut.large_bytes = kTableLarge;
  cut.run.processes = 1;
  return cut;
}

// nullopt: it is too much.
std::optional<Report> Fill(const CommandOptions& options, const Kind& kind, uint32_t nodes, bool& holds) {
  const CommandOptions cut = Cut(options, kind, nodes);
  Result<Workload> workload = MakeWorkload(cut);
  if (!workload || WorkOf(*workload, nodes) > options.most_work * 1e6) return std::nullopt;
  World world(cut.run, *workload);
  Report report = world.Run();
  fmt::print("{} nodes, {}: {:.3f} s, {} events\n", nodes, kind.name, Seconds(report), report.events);
  std::fflush(stdout);
  for (const std::string& failure : report.failures) fmt::print(stderr, "FAILED {}\n", failure);
  if (!report.failures.empty()) fmt::print(stderr, "  again: {}\n", CommandOf(cut));
  holds = holds && report.failures.empty();
  return report;
}

std::string Cells(const TableRow& row) {
  const auto show = [](const std::optional<Report>& report, const auto& text) {
    return report ? text(*report) : std::string("-");
  };
  const auto time = [](const Report& report) { return fmt::format("{:.3f} s", Seconds(report)); };
  const auto operations = [](const Report& report) { return fmt::format("{}", report.source.operations); };
  const auto traffic = [&](const Report& report) {
    return fmt::format("{:.0f}, {:.1f} MiB", MeanMessages(report, row.nodes), MiB(report.total.bytes_sent) / row.nodes);
  };
  const auto busiest = [&](const Report& report) {
    if (row.nodes == 1) return std::string("-");
    return fmt::format("{:.1f}x, {:.1f}x", BusiestBytes(report, row.nodes), BusiestRequests(report));
  };
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", row.nodes, show(row.import, time),
                     show(row.import, operations), show(row.import_direct, time), show(row.import_direct, operations),
                     show(row.import, traffic), show(row.import, busiest), show(row.large, time),
                     show(row.large_direct, time));
}

// A line through all rows that have this cell.
Line LineOf(const Table& table, std::string name, Cell cell,
            const std::function<double(const Report&, uint32_t nodes)>& value) {
  Line line{std::move(name)};
  for (const TableRow& row : table.rows) {
    if (const std::optional<Report>& report = row.*cell) line.points.emplace_back(row.nodes, value(*report, row.nodes));
  }
  return line;
}

struct File {
  std::string name;
  Plot plot;
};

std::vector<File> PlotsOf(const Table& table) {
  const auto time = [](const Report& report, uint32_t) { return Seconds(report); };
  const auto bytes = [](const Report& report, uint32_t nodes) { return MeanBytes(report, nodes) / 0x1p20; };
  const auto requests = [](const Report& report, uint32_t) { return BusiestRequests(report); };
  return {
      {"import.svg",
       {"A cold import on every node",
        "nodes",
        "seconds until the last process is done",
        {LineOf(table, "through Copper", &TableRow::import, time),
         LineOf(table, "direct", &TableRow::import_direct, time)}}},
      {"large.svg",
       {"A file of 10 GiB to every node",
        "nodes",
        "seconds until the last node has it",
        {LineOf(table, "through Copper", &TableRow::large, time),
         LineOf(table, "direct", &TableRow::large_direct, time)}}},
      {"load.svg",
       {"The busiest rank against the mean, import",
        "nodes",
        "times the mean",
        {LineOf(table, "bytes sent", &TableRow::import, BusiestBytes),
         LineOf(table, "requests served", &TableRow::import, requests)}}},
      {"traffic.svg",
       {"What a rank sends, import",
        "nodes",
        "a rank, on the mean",
        {LineOf(table, "messages", &TableRow::import, MeanMessages), LineOf(table, "MiB", &TableRow::import, bytes)}}}};
}

Status Write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return Fail(EINVAL, "--table: cannot write " + file.string());
  return {};
}

}  // namespace

Table RunTable(const CommandOptions& options) {
  Table table;
  for (const uint32_t nodes : options.table_nodes) {
    TableRow row{.nodes = nodes};
    for (const Kind& kind : kKinds) row.*kind.cell = Fill(options, kind, nodes, table.all_hold);
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string Markdown(const Table& table) {
  std::string text =
      "| nodes | import | operations on the source | import, direct | operations | a rank sends: messages, bytes | "
      "busiest rank: bytes sent, requests served, against the mean | 10 GiB to every node | the same, direct |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const TableRow& row : table.rows) text += Cells(row);
  return text;
}

Status WriteTable(const Table& table, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Fail(EINVAL, "--table: cannot make the directory " + directory);
  const std::filesystem::path place(directory);
  if (const Status written = Write(place / "table.md", Markdown(table)); !written) return written;
  for (const File& file : PlotsOf(table)) {
    if (const Status written = Write(place / file.name, Svg(file.plot)); !written) return written;
  }
  return {};
}

}  // namespace copper::simulation
