#include "sidecar/launch/processes.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

namespace {

bool proc_is_ours() {
  char target[32] = {};
  const ssize_t size = readlink("/proc/self", target, sizeof target - 1);
  return size > 0 && std::to_string(getpid()) == target;
}

// Parent of a living process, or -1. The name in "pid (name) state ppid" may hold anything, so it is skipped
// from behind.
pid_t parent_of(const char* pid) {
  const std::string line = read_small_file(std::string("/proc/") + pid + "/stat", 1'024);
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos) return -1;
  char state = 0;
  int parent = -1;
  if (std::sscanf(line.c_str() + end + 1, " %c %d", &state, &parent) != 2) return -1;
  return state == 'Z' || state == 'X' ? -1 : parent;
}

std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc"), closedir);
  if (dir == nullptr) return children;
  while (const dirent* entry = readdir(dir.get())) {
    char* end = nullptr;
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, &end, 10));
    if (pid <= 0 || *end != '\0') continue;
    const pid_t parent = parent_of(entry->d_name);
    if (parent >= 0) children.emplace(parent, pid);
  }
  return children;
}

// Adds the children that one thread of a process has begun; false: the kernel was built without that file, or
// there are more than fit.
bool add_children(const std::string& thread, std::vector<pid_t>& found) {
  constexpr std::size_t kMost = 65'536;
  const std::string path = thread + "/children";
  if (access(path.c_str(), R_OK) != 0) return false;
  const std::string text = read_small_file(path, kMost);
  if (text.size() == kMost) return false;
  const char* at = text.c_str();
  char* end = nullptr;
  for (long pid = std::strtol(at, &end, 10); end != at; pid = std::strtol(at, &end, 10)) {
    found.push_back(static_cast<pid_t>(pid));
    at = end;
  }
  return true;
}

bool add_children(pid_t parent, std::vector<pid_t>& found) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(tasks.c_str()), closedir);
  if (dir == nullptr) return true;  // has ended meanwhile
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] != '.' && !add_children(tasks + "/" + entry->d_name, found)) return false;
  }
  return true;
}

}  // namespace

std::vector<pid_t> most_descendants_of(pid_t root) {
  std::vector<pid_t> found;
  if (!proc_is_ours()) return found;
  if (!add_children(root, found)) return descendants_of(root);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!add_children(pid_t{found[i]}, found)) return descendants_of(root);
  }
  return found;
}

std::vector<pid_t> descendants_of(pid_t root) {
  std::vector<pid_t> found;
  if (!proc_is_ours()) return found;
  const auto children = children_by_parent();
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = first; it != last; ++it) {
      found.push_back(it->second);
      open.push_back(it->second);
    }
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  if (!proc_is_ours()) return found;
  const auto children = children_by_parent();
  const auto [first, last] = children.equal_range(parent);
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  return found;
}

}  // namespace sidestep::launch
