#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <sstream>

#include "copper/base/files.h"
#include "simulation/cores.h"
#include "simulation/hasher.h"
#include "simulation/options.h"
#include "simulation/svg.h"
#include "simulation/table.h"
#include "simulation/wakeups.h"
#include "simulation/world.h"

namespace copper::simulation {
namespace {

constexpr Import kSmall{.files = 30, .bytes = uint64_t{8} << 20};

// What a run says, and which checks failed.
struct Ran {
  Report report;
  std::vector<Check> failed;
};

Ran RunImport(const RunOptions& options, const Import& import = kSmall) {
  Workload workload = MakeImport(import, options.seed);
  World world(options, workload);
  Ran ran{world.Run(), {}};
  for (int number = 0; number < static_cast<int>(Check::kCount); ++number) {
    if (!world.checks().Holds(static_cast<Check>(number))) ran.failed.push_back(static_cast<Check>(number));
  }
  return ran;
}

std::string All(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

#define EXPECT_HOLDS(ran) EXPECT_TRUE((ran).report.failures.empty()) << All((ran).report.failures)

TEST(EventQueue, RunsInTheOrderOfTimeThenOfMaking) {
  EventQueue queue;
  Host host(0);
  std::string order;
  queue.After(seconds(2), What::kTask, host, [&] { order += "c"; });
  queue.After(seconds(1), What::kTask, host, [&] { order += "a"; });
  queue.After(seconds(1), What::kTask, host, [&] { order += "b"; });
  while (queue.RunOne()) {
  }
  EXPECT_EQ("abc", order);
  EXPECT_EQ(Duration(seconds(2)), queue.SinceStart());
}

TEST(EventQueue, AFrozenHostDoesLaterWhatADeadOneNeverDoes) {
  EventQueue queue;
  Host frozen(0), dead(1);
  std::string order;
  queue.After(seconds(1), What::kTask, frozen, [&] { order += "frozen "; });
  queue.After(seconds(1), What::kTask, dead, [&] { order += "dead "; });
  queue.Freeze(frozen);
  queue.Kill(dead);
  while (queue.RunOne()) {
  }
  EXPECT_EQ("", order);
  queue.Thaw(frozen);
  while (queue.RunOne()) {
  }
  EXPECT_EQ("frozen ", order);
}

TEST(EventQueue, TheHashTellsOtherEvents) {
  const auto digest = [](Duration when) {
    EventQueue queue;
    Host host(0);
    queue.After(when, What::kTask, host, [] {});
    queue.RunOne();
    return queue.digest();
  };
  EXPECT_EQ(digest(seconds(1)), digest(seconds(1)));
  EXPECT_NE(digest(seconds(1)), digest(seconds(1) + nanoseconds(1)));
}

TEST(Fibers, WaitAndGoOn) {
  Fibers fibers;
  std::string order;
  Fibers::Fiber* waiting = nullptr;
  fibers.Run([&] {
    order += "a";
    waiting = fibers.current();
    fibers.Wait();
    order += "c";
  });
  fibers.Run([&] { order += "b"; });
  EXPECT_EQ(nullptr, fibers.current());
  fibers.Resume(waiting);
  EXPECT_EQ("abc", order);
}

TEST(Executor, RunsAsManyAtOnceAsItHasThreadsAndMoreWhereTheyAreStuck) {
  EventQueue queue;
  Fibers fibers;
  Host host(0);
  SimulatedExecutor pool({.threads = 2, .stuck_after = seconds(10), .most_stuck = 1}, queue, fibers, host);
  int begun = 0;
  for (int task = 0; task < 4; ++task) {
    pool.Submit([&] {
      ++begun;
      fibers.Wait();
    });
  }
  while (queue.RunOne()) {
  }
  EXPECT_EQ(2, begun);
  queue.After(seconds(10), What::kTick, host, [&] { pool.OnTick(); });
  while (queue.RunOne()) {
  }
  EXPECT_EQ(3, begun);
}

TEST(Wakeups, WaitInSimulatedTime) {
  EventQueue queue;
  Fibers fibers;
  Host host(0);
  SimulatedWakeups wakeups(queue, fibers, host);
  const std::shared_ptr<Wakeup> wakeup = wakeups.Make();
  std::string order;
  fibers.Run([&] {
    order += wakeup->WaitUntil(queue.Now() + seconds(5)) ? "woken " : "late ";
    order += wakeup->WaitUntil(queue.Now() + seconds(5)) ? "woken " : "late ";
    order += wakeup->WaitUntil(kNever) ? "woken " : "ended ";
  });
  queue.After(seconds(1), What::kTask, host, [&] { wakeup->Wake(); });
  while (queue.RunOne()) {
  }
  EXPECT_EQ("woken late ", order);
  EXPECT_EQ(Duration(seconds(6)), queue.SinceStart());
  wakeups.EndAll();
  EXPECT_EQ("woken late ended ", order);
}

TEST(FileTree, KnowsItsBytes) {
  FileTree tree;
  const NameId file = tree.Add(kRoot, "file", NameKind::kFile, 3 << 20);
  const FileVersion first = tree.AttributesOf(file).version();
  const Bytes bytes = tree.Content(file, (1 << 20) + 100, 1000);
  EXPECT_TRUE(tree.IsContent(file, first, (1 << 20) + 100, bytes));
  EXPECT_TRUE(tree.IsContent(file, first, (1 << 20) + 100, Bytes::Copy(bytes.span())));
  EXPECT_FALSE(tree.IsContent(file, first, (1 << 20) + 101, bytes));
  EXPECT_FALSE(tree.IsContent(file, first, (2 << 20) + 100, bytes));
  tree.Replace(file);
  const FileVersion second = tree.AttributesOf(file).version();
  EXPECT_TRUE(tree.IsContent(file, first, (1 << 20) + 100, bytes));
  EXPECT_FALSE(tree.IsContent(file, second, (1 << 20) + 100, bytes));
}

TEST(SourceHasher, IsTheRealOne) {
  FileTree tree;
  const NameId file = tree.Add(kRoot, "file", NameKind::kFile, 3 << 20);
  const SourceHasher hasher(tree);
  const auto real = wire::MakePoly1305();
  const Bytes bytes = tree.Content(file, 0, 1 << 20);
  const std::vector<std::byte> other(100'000, std::byte{1});
  for (const unsigned char first : {1, 2, 1}) {
    const wire::HashKey key{first};
    for (const auto& hashed : {bytes.span(), bytes.span().first(1000), std::span<const std::byte>(other)}) {
      EXPECT_EQ(real->Hash(hashed, key), hasher.Hash(hashed, key));
    }
  }
}

TEST(Cores, AreSharedByAllThatIsDone) {
  const TimePoint start = EventQueue::kStart;
  Cores two(2);
  EXPECT_EQ(start + seconds(3), two.Do(start, seconds(3)));
  EXPECT_EQ(start + seconds(1), two.Do(start, seconds(1)));
  EXPECT_EQ(start + seconds(2), two.Do(start, seconds(1)));
  EXPECT_EQ(start + seconds(5), two.Do(start + seconds(4), seconds(1)));
  EXPECT_EQ(start + seconds(3), two.Do(start, seconds(1))) << "the other core is idle until then";
  Cores enough(0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(start + seconds(1), enough.Do(start, seconds(1)));
}

TEST(Simulation, TwoRunsAreOne) {
  RunOptions options{.seed = 5, .nodes = 12};
  options.faults = {.kinds = ParseFaults("all").value(), .count = 4, .within = milliseconds(300)};
  const Ran one = RunImport(options), other = RunImport(options);
  EXPECT_EQ(one.report.digest, other.report.digest);
  EXPECT_EQ(one.report.events, other.report.events);
  EXPECT_EQ(one.report.faults, other.report.faults);
  options.seed = 6;
  EXPECT_NE(one.report.digest, RunImport(options).report.digest);
}

TEST(Simulation, AllHoldsWhereNothingFails) {
  for (const FabricModel& fabric : {kSlingshotFabric, kTcpFabric}) {
    for (const SourceModel& source : {kLustreSource, kSlowSource}) {
      const Ran ran = RunImport({.nodes = 16, .fabric = fabric, .source = source});
      EXPECT_HOLDS(ran);
      EXPECT_EQ(0U, ran.report.detours);
      EXPECT_EQ(1U, ran.report.source.most_of_one);
    }
  }
}

TEST(Simulation, AChainOf16RanksHasNoDetour) {
  const Ran ran = RunImport({.nodes = 16, .fanout = 1, .trees = 1});
  EXPECT_HOLDS(ran);
  EXPECT_EQ(0U, ran.report.detours);
}

TEST(Simulation, ABinaryTreeOf256RanksHasNoDetour) {
  const Ran ran = RunImport({.nodes = 256, .processes = 1, .trees = 1}, {.files = 8, .bytes = uint64_t{2} << 20});
  EXPECT_HOLDS(ran);
  EXPECT_EQ(0U, ran.report.detours);
}

TEST(Simulation, ALibraryIsReadOnceHoweverItIsMapped) {
  Workload workload = MakeLarge(uint64_t{20} << 20);
  World world({.nodes = 8}, workload);
  const Report report = world.Run();
  EXPECT_TRUE(report.failures.empty()) << All(report.failures);
  EXPECT_EQ(uint64_t{20} << 20, report.source.bytes);
}

TEST(Simulation, WithoutCopperEachNodeReadsEverything) {
  RunOptions options{.nodes = 4, .processes = 1};
  const Ran copper = RunImport(options);
  options.is_direct = true;
  options.kernel.read_bytes = uint32_t{1} << 20;
  const Ran direct = RunImport(options);
  EXPECT_HOLDS(direct);
  EXPECT_EQ(4 * copper.report.source.bytes, direct.report.source.bytes);
}

TEST(Simulation, ARefreshReachesEverybody) {
  const Ran ran = RunImport({.nodes = 40, .refreshes = true});
  EXPECT_HOLDS(ran);
  EXPECT_GT(ran.report.refreshed_in, Duration{});
}

TEST(Simulation, RanksTellEachOtherWhatTheyHave) {
  for (const uint32_t nodes : {1U, 2U, 5U, 64U}) {
    const Ran ran = RunImport({.nodes = nodes, .starts = true}, {.files = 2, .bytes = 1000});
    EXPECT_HOLDS(ran) << nodes;
    EXPECT_GT(ran.report.start_bytes, 0U);
  }
}

TEST(Simulation, TheJobSpeaksOfAllWhoeverIsLostMeanwhile) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Ran ran = RunImport({.seed = seed,
                               .nodes = 20 + static_cast<uint32_t>(seed),
                               .reports = true,
                               .lost_in_reports = static_cast<uint32_t>(seed % 5)},
                              {.files = 2, .bytes = 1000});
    EXPECT_HOLDS(ran) << "seed " << seed << "\n" << All(ran.report.faults);
  }
}

// A chain of ranks: one that was given up as lost goes on, and takes the profile of another beside who took its place.
TEST(Simulation, AProfileIsTakenByTwo) {
  RunOptions options{.seed = 6080, .nodes = 11, .processes = 1, .fanout = 1, .trees = 2};
  options.fabric = kTcpFabric;
  options.reports = true;
  options.lost_in_reports = 2;
  EXPECT_HOLDS(RunImport(options, {.files = 52, .bytes = uint64_t{72} << 20}));
}

TEST(Simulation, LostRanksCostNoMoreThanTheyMay) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    RunOptions options{.seed = seed, .nodes = 24};
    options.faults = {.kinds = {Fault::kKill, Fault::kFreeze}, .count = 3, .within = milliseconds(200)};
    const Ran ran = RunImport(options);
    EXPECT_HOLDS(ran) << "seed " << seed;
    EXPECT_FALSE(ran.report.faults.empty());
  }
}

TEST(Simulation, HoldsWhateverTheSeedBreaks) {
  CommandOptions options;
  options.is_random = true;
  options.most_nodes = 16;
  for (uint64_t seed = 100; seed < 110; ++seed) {
    const CommandOptions drawn = Drawn(options, seed);
    Result<Workload> workload = MakeWorkload(drawn);
    ASSERT_TRUE(workload);
    World world(drawn.run, *workload);
    const Report report = world.Run();
    EXPECT_TRUE(report.failures.empty()) << All(report.failures) << CommandOf(drawn);
  }
}

Workload TraceOf(std::string_view name) {
  Result<Workload> workload = ReadTrace(std::string(COPPER_TRACES "/") + std::string(name));
  EXPECT_TRUE(workload) << workload.error().message;
  return *std::move(workload);
}

TEST(Simulation, RecordedTracesAreReplayed) {
  for (const std::string_view name : {"find.trace", "large.trace", "absent.trace"}) {
    Workload workload = TraceOf(name);
    World world({.nodes = 16}, workload);
    const Report report = world.Run();
    EXPECT_TRUE(report.failures.empty()) << name << ": " << All(report.failures);
    EXPECT_EQ(0U, report.detours) << name;
    EXPECT_EQ(1U, report.source.most_of_one) << name;
  }
}

// --- What tests/bench/README.md has measured: the simulated time is within a quarter of it.

double Seconds(const Report& report) {
  return std::chrono::duration<double>(report.until_done).count();
}

struct SlowRow {
  uint32_t nodes;
  double measured;  // seconds
};

class SlowRowTest : public testing::TestWithParam<SlowRow> {};

// All nodes share two cores: `think` stands for that.
TEST_P(SlowRowTest, IsWithinAQuarter) {
  const auto [nodes, measured] = GetParam();
  RunOptions options{.nodes = nodes, .fabric = kTcpFabric, .source = kSlowSource};
  options.kernel.think = 1.33 * nodes;
  Workload workload = TraceOf("import.trace");
  const Report report = World(options, workload).Run();
  EXPECT_TRUE(report.failures.empty()) << All(report.failures);
  EXPECT_NEAR(measured, Seconds(report), measured / 4);
}

INSTANTIATE_TEST_SUITE_P(Simulation, SlowRowTest,
                         testing::Values(SlowRow{1, 13.5}, SlowRow{2, 13.5}, SlowRow{4, 15.5}, SlowRow{8, 20.1}),
                         [](const auto& row) { return std::to_string(row.param.nodes) + "Nodes"; });

TEST(LargeRow, IsWithinAQuarter) {
  constexpr uint64_t kLarge = uint64_t{512} << 20;
  constexpr double kMeasured = 4 * kLarge / 2.2e9;
  RunOptions options{.nodes = 4, .processes = 1, .cores = 2, .fabric = kTcpFabric, .source = kMemorySource};
  options.kernel.read_bytes = uint32_t{1} << 20;
  options.start_within = {};
  Workload workload = MakeLarge(kLarge);
  const Report report = World(options, workload).Run();
  EXPECT_TRUE(report.failures.empty()) << All(report.failures);
  EXPECT_NEAR(kMeasured, Seconds(report), kMeasured / 4);
}

// Each check is seen to fail where the product is put together wrongly on purpose.
struct Broken {
  Mutation mutation;
  Check check;
  RunOptions options;
  Import import = kSmall;
};

void PrintTo(const Broken& broken, std::ostream* out) {
  *out << Name(broken.check);
}

class CheckFails : public testing::TestWithParam<Broken> {};

TEST_P(CheckFails, WhereTheProductIsBroken) {
  const auto [mutation, check, shape, import] = GetParam();
  RunOptions options = shape;
  EXPECT_HOLDS(RunImport(options, import));
  options.mutation = mutation;
  const Ran broken = RunImport(options, import);
  EXPECT_TRUE(std::ranges::find(broken.failed, check) != broken.failed.end()) << All(broken.report.failures);
}

constexpr Import kManyBytes{.files = 30, .bytes = uint64_t{400} << 20};

INSTANTIATE_TEST_SUITE_P(
    Simulation, CheckFails,
    testing::Values(
        Broken{Mutation::kAlone, Check::kOnce, {.nodes = 8}},
        Broken{Mutation::kManyThreads,
               Check::kSourceOps,
               {.nodes = 8, .processes = 4, .trees = 4, .source_ops = 4},
               kManyBytes},
        // Nobody is told, in the time that a run may take.
        Broken{Mutation::kLostTasks, Check::kForgotten, {.nodes = 8, .most_time = seconds(20)}},
        // Whoever asks is told ETIMEDOUT, which the source has not said.
        Broken{Mutation::kLostTasks, Check::kErrors, {.nodes = 8, .source_timeout = seconds(5)}},
        Broken{Mutation::kNoBudget, Check::kBudget, {.nodes = 8, .cache_budget = uint64_t{16} << 20}, kManyBytes},
        Broken{Mutation::kWrongBytes, Check::kBytes, {.nodes = 8}},
        Broken{Mutation::kManyPeers, Check::kPeers, {.nodes = 16, .trees = 2}},
        Broken{Mutation::kNeverLeaves, Check::kEnd, {.nodes = 8}},
        Broken{Mutation::kRestless, Check::kLeft, {.nodes = 8}}, Broken{Mutation::kLate, Check::kLate, {.nodes = 8}},
        Broken{Mutation::kStaysAway, Check::kStart, {.nodes = 8, .starts = true}},
        Broken{Mutation::kMute, Check::kStatus, {.nodes = 8, .reports = true}},
        Broken{Mutation::kStranger, Check::kReduction, {.nodes = 8, .reports = true}},
        Broken{Mutation::kIdleDeputy, Check::kDeputies, {.nodes = 8, .reports = true}}));

TEST(Command, BadInputIsOneLine) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--nodes", "0"},
           {"--nodes", "many"},
           {"--no-such-option"},
           {"--fabric", "pigeons"},
           {"--source", "tape"},
           {"--faults", "kill,lightning"},
           {"--workload", "nothing"},
           {"--workload", "trace"},
           {"--trees", "5", "--nodes", "4"},
           {"stray"},
           {"--read-kib", "2000"},
           {"--cores", "-1"},
           {"--table", "/tmp/x", "--table-nodes", "1,0"},
           {"--table", "/tmp/x", "--seeds", "2"},
       }) {
    const Result<CommandOptions> options = ParseCommand(arguments);
    ASSERT_FALSE(options) << arguments.front();
    EXPECT_EQ(EINVAL, options.error().code);
    EXPECT_FALSE(options.error().message.contains('\n')) << options.error().message;
  }
}

TEST(Command, SaysHowToRunItAgain) {
  CommandOptions options;
  options.is_random = true;
  for (uint64_t seed = 1; seed < 50; ++seed) {
    const CommandOptions drawn = Drawn(options, seed);
    std::vector<std::string> words;
    std::istringstream command(CommandOf(drawn));
    for (std::string word; command >> word;) words.push_back(word);
    words.erase(words.begin());
    const Result<CommandOptions> again = ParseCommand(words);
    ASSERT_TRUE(again) << CommandOf(drawn);
    EXPECT_EQ(CommandOf(drawn), CommandOf(*again));
    EXPECT_EQ(drawn.run.nodes, again->run.nodes);
    EXPECT_EQ(drawn.run.cache_budget, again->run.cache_budget);
    if (drawn.run.faults.count > 0) {
      EXPECT_EQ(drawn.run.faults.kinds, again->run.faults.kinds);
    }
  }
}

std::string TextOf(const std::filesystem::path& file) {
  return ReadWholeFile(file).value_or("");
}

TEST(Table, HasALineForEachSizeAndLeavesOutWhatIsTooMuch) {
  CommandOptions options;
  options.import = kSmall;
  options.table_nodes = {1, 4};
  options.most_work = 0.001;  // a thousand steps: an import on 4 nodes, no file of 10 GiB
  const Table table = RunTable(options);
  EXPECT_TRUE(table.all_hold);
  ASSERT_EQ(2U, table.rows.size());
  ASSERT_TRUE(table.rows[1].import && table.rows[1].import_direct);
  EXPECT_LT(table.rows[1].import->source.operations, table.rows[1].import_direct->source.operations);
  EXPECT_FALSE(table.rows[1].large || table.rows[1].large_direct);
  const std::string text = Markdown(table);
  EXPECT_EQ(4, std::ranges::count(text, '\n')) << text;
  EXPECT_TRUE(text.contains("\n| 4 | ") && text.contains("| - | - |")) << text;
  EXPECT_EQ(text, Markdown(RunTable(options)));
}

TEST(Table, IsWrittenWithItsPlots) {
  const std::filesystem::path place = std::filesystem::path(testing::TempDir()) / "copper-simulate-table";
  ASSERT_TRUE(WriteTable({}, place.string()));
  for (const std::string_view name : {"table.md", "import.svg", "large.svg", "load.svg", "traffic.svg"}) {
    EXPECT_FALSE(TextOf(place / name).empty()) << name;
  }
  const Status denied = WriteTable({}, (place / "table.md").string());
  ASSERT_FALSE(denied);
  EXPECT_EQ(EINVAL, denied.error().code);
  std::filesystem::remove_all(place);
}

TEST(Svg, DrawsEachPointThatHasALogarithm) {
  const std::string svg = Svg({"a < b", "x", "y", {{"one", {{1, 1}, {10, 0}, {100, 1000}}}, {"none", {{1, 0}}}}});
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  EXPECT_TRUE(svg.contains("a &lt; b"));
  EXPECT_EQ(svg.find("<polyline"), svg.rfind("<polyline"));
  size_t dots = 0;
  for (size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) ++dots;
  EXPECT_EQ(2U, dots);
}

}  // namespace
}  // namespace copper::simulation
