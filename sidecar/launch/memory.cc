#include "sidecar/launch/memory.h"

#include <unistd.h>

#include <charconv>
#include <string_view>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

namespace {

// The number that the text begins with; none for "max", and for what is not there.
std::optional<std::uint64_t> number_at(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

// "key 123" lines, as in memory.stat and memory.events.
std::uint64_t read_counter(const std::string& path, std::string_view key) {
  const std::string text = read_small_file(path);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_line(rest);
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
    return number_at(line.substr(key.size() + 1)).value_or(0);
  }
  return 0;
}

// The path in the line of /proc/self/cgroup ("5:cpu,memory:/path") that names the controller; "": version 2.
std::optional<std::string> cgroup_path(std::string_view text, const std::string& controller) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string names = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const bool is_it = controller.empty() ? line.starts_with("0::")
                                          : names.find("," + controller + ",") != std::string::npos;
    if (is_it) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

struct Files {
  const char* limit;
  const char* used;
  const char* cache;  // key in memory.stat of what can be reclaimed at once
};
constexpr Files kV2{"/memory.max", "/memory.current", "inactive_file"};
constexpr Files kV1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"};
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;  // v1 writes a huge number instead of "max"

std::uint64_t left(std::uint64_t limit, std::uint64_t used) { return limit > used ? limit - used : 0; }

// The tightest of the limits from the group up to the root: by room left, not by size. In a container the
// mount is its own group, and what the path names is not there: the root's files are read then.
MemoryRoom find_tightest(const std::string& mount, std::string path, const Files& files) {
  MemoryRoom room;
  while (true) {
    const std::string folder = mount + (path == "/" ? "" : path);
    const auto limit = number_at(read_small_file(folder + files.limit));
    if (limit && *limit < kNoLimit) {
      const std::uint64_t current = number_at(read_small_file(folder + files.used)).value_or(0);
      const std::uint64_t used = left(current, read_counter(folder + "/memory.stat", files.cache));
      if (!room.limit || left(*limit, used) < left(*room.limit, room.used)) room = {limit, used};
    }
    if (path.empty() || path == "/") return room;
    const std::size_t slash = path.find_last_of('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

MemoryRoom read_memory_room(const std::string& root) {
  const std::string groups = read_small_file(root + "/proc/self/cgroup");
  if (const auto v1 = cgroup_path(groups, "memory"))
    return find_tightest(root + "/sys/fs/cgroup/memory", *v1, kV1);
  if (const auto v2 = cgroup_path(groups, "")) return find_tightest(root + "/sys/fs/cgroup", *v2, kV2);
  return {};
}

std::uint64_t resident_bytes(const std::vector<pid_t>& processes) {
  std::uint64_t pages = 0;
  for (const pid_t pid : processes) {
    const std::string text = read_small_file("/proc/" + std::to_string(pid) + "/statm", 1'024);
    const std::size_t second = text.find(' ');  // size resident shared … (proc(5))
    if (second != std::string::npos)
      pages += number_at(std::string_view(text).substr(second + 1)).value_or(0);
  }
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

unsigned long long oom_kills() {
  const auto path = cgroup_path(read_small_file("/proc/self/cgroup"), "");
  if (!path) return 0;
  return read_counter("/sys/fs/cgroup" + (*path == "/" ? "" : *path) + "/memory.events", "oom_kill");
}

}  // namespace sidestep::launch
