#include "tree_walk.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "read_directory.h"

namespace copper::postproc {
namespace {

using Entry = WalkedDirectory::Entry;
using Kind = WalkedDirectory::Kind;

constexpr auto kProgressInterval = std::chrono::milliseconds(100);
// A file system that is far away answers many at once; more of them annoy its other users.
constexpr size_t kLeastThreads = 8;
constexpr size_t kMostThreads = 32;

size_t GoodThreads() {
  return std::clamp<size_t>(2 * size_t{std::thread::hardware_concurrency()}, kLeastThreads, kMostThreads);
}

std::string Below(const std::string& directory, std::string_view name) {
  std::string path = directory;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

struct Task {
  WalkedDirectory* directory = nullptr;
  std::string path;
};

// Threads take the directory that was found last, which keeps the queue short; the caller of Run looks on.
class Walker {
 public:
  explicit Walker(const WalkOptions& options)
      : options_(options), closed_(options.closed.begin(), options.closed.end()) {}

  void Add(Task task) {
    tasks_.push_back(std::move(task));
    ++progress_.directories_found;
  }

  void Run() {
    std::vector<std::jthread> threads;
    const size_t count = options_.threads == 0 ? GoodThreads() : options_.threads;
    for (size_t i = 0; i < count; ++i) threads.emplace_back([this] { Work(); });
    std::unique_lock lock(mutex_);
    while (!over_.wait_for(lock, kProgressInterval, [this] { return IsOver(); })) Tell(lock);
    Tell(lock);
  }

  // After Run.
  void Finish(WalkedTree& tree) {
    std::ranges::sort(unreadable_, {}, &Unreadable::path);
    tree.unreadable = std::move(unreadable_);
    tree.files += files_;
    tree.directories += directories_;
  }

 private:
  bool IsOver() const { return tasks_.empty() && busy_ == 0; }

  void Tell(std::unique_lock<std::mutex>& lock) {
    if (!options_.on_progress) return;
    const WalkProgress now = progress_;
    lock.unlock();
    options_.on_progress(now);
    lock.lock();
  }

  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      more_.wait(lock, [this] { return !tasks_.empty() || busy_ == 0; });
      if (tasks_.empty()) break;
      const Task task = std::move(tasks_.back());
      tasks_.pop_back();
      ++busy_;
      lock.unlock();
      const Status read = ReadDirectory(task.path, *task.directory);
      std::vector<Task> found = Found(task);
      lock.lock();
      --busy_;
      Take(task, read, std::move(found));
    }
    over_.notify_all();
  }

  std::vector<Task> Found(const Task& task) const {
    std::vector<Task> found;
    for (const Entry& entry : task.directory->entries) {
      if (entry.kind != Kind::kBelow) continue;
      std::string path = Below(task.path, task.directory->NameOf(entry));
      if (!closed_.contains(path))
        found.push_back({task.directory->directories[entry.directory].get(), std::move(path)});
    }
    return found;
  }

  void Take(const Task& task, const Status& read, std::vector<Task> found) {
    const uint64_t directories = task.directory->directories.size();
    const uint64_t names = task.directory->entries.size() - directories;
    if (!read) unreadable_.push_back({task.path, read.error().Describe()});
    progress_.entries += names;
    progress_.directories_read += 1;
    progress_.directories_found += found.size();
    files_ += names - directories;
    directories_ += directories;
    std::ranges::move(found, std::back_inserter(tasks_));
    if (IsOver()) more_.notify_all();
    for (size_t i = 1; i < found.size(); ++i) more_.notify_one();  // this thread takes one itself
  }

  const WalkOptions& options_;
  const std::unordered_set<std::string> closed_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable over_;
  std::vector<Task> tasks_;
  size_t busy_ = 0;
  WalkProgress progress_;
  uint64_t files_ = 0, directories_ = 0;
  std::vector<Unreadable> unreadable_;
};

// Makes the directories on the way to the roots, which are not seen themselves. `roots` are relative to `directory`,
// sorted, none below another.
void Plant(WalkedDirectory& directory, const std::string& path, const std::vector<std::string_view>& roots,
           Walker& walker) {
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> names;
  for (const std::string_view root : roots) {
    const size_t slash = root.find('/');
    const std::string_view name = root.substr(0, slash);
    if (names.empty() || names.back().first != name) {
      names.push_back({name, {}});
      AddName(directory, name, true, slash == std::string_view::npos);
    }
    if (slash != std::string_view::npos) names.back().second.push_back(root.substr(slash + 1));
  }
  SortNames(directory);
  for (const Entry& entry : directory.entries) {
    if (entry.kind != Kind::kBelow) continue;
    const std::string_view name = directory.NameOf(entry);
    const auto found = std::ranges::find(names, name, [](const auto& each) { return each.first; });
    WalkedDirectory& child = *directory.directories[entry.directory];
    if (entry.visible) {
      walker.Add({&child, Below(path, name)});
    } else {
      Plant(child, Below(path, name), found->second, walker);
    }
  }
}

}  // namespace

WalkedTree Walk(const std::vector<std::string>& roots, const WalkOptions& options) {
  WalkedTree tree;
  Walker walker(options);
  tree.directories = roots.size();
  tree.whole = std::ranges::find(roots, "/") != roots.end();
  if (tree.whole) {
    walker.Add({&tree.top, "/"});
  } else {
    std::vector<std::string_view> relative;
    for (const std::string& root : roots) relative.push_back(std::string_view(root).substr(1));
    std::ranges::sort(relative);
    Plant(tree.top, "/", relative, walker);
  }
  walker.Run();
  walker.Finish(tree);
  return tree;
}

TreeCursor::TreeCursor(const WalkedTree& tree) : path_("/") {
  levels_.push_back({&tree.top, 0, 1});
  at_top_ = tree.whole;
  Advance();
}

void TreeCursor::Advance() {
  if (std::exchange(at_top_, false)) {
    valid_ = is_directory_ = true;
    return;
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.directory->entries.size()) {
      levels_.pop_back();
      continue;
    }
    const Entry& entry = level.directory->entries[level.next++];
    path_.resize(level.prefix);
    path_ += level.directory->NameOf(entry);
    if (entry.kind == Kind::kBelow) {
      path_ += '/';
      levels_.push_back({level.directory->directories[entry.directory].get(), 0, path_.size()});
    } else if (entry.visible) {
      is_directory_ = entry.kind == Kind::kDirectory;
      valid_ = true;
      return;
    }
  }
  valid_ = false;
}

}  // namespace copper::postproc
