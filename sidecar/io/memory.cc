#include "sidecar/io/memory.h"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

namespace sidestep::sidecar {

namespace {

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

// The number that a file holds; none for "max", and for what is not there.
std::optional<std::uint64_t> read_number(const std::string& path) {
  const std::string text = read_text(path);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

// "key 123" lines, as in memory.stat.
std::uint64_t read_stat(const std::string& path, const std::string& wanted) {
  std::istringstream in(read_text(path));
  std::string key;
  for (std::uint64_t value = 0; in >> key >> value;) {
    if (key == wanted) return value;
  }
  return 0;
}

// The part behind `prefix` of the line of /proc/PID/cgroup that begins with it.
std::optional<std::string> cgroup_path(const std::string& text, const std::string& controller) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? line.rfind("0::", 0) == 0
                           : (',' + names + ',').find(',' + controller + ',') != std::string::npos) {
      return line.substr(second + 1);
    }
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

// The tightest of the limits from the group up to the root: by room left, not by size.
void find_tightest(const std::string& mount, std::string path, const Files& files, MemoryRoom& room) {
  while (true) {
    const std::string folder = mount + (path == "/" ? "" : path);
    const std::optional<std::uint64_t> limit = read_number(folder + files.limit);
    if (limit && *limit < kNoLimit) {
      const std::uint64_t current = read_number(folder + files.used).value_or(0);
      const std::uint64_t cache = read_stat(folder + "/memory.stat", files.cache);
      const std::uint64_t used = current > cache ? current - cache : 0;
      const std::uint64_t left = *limit > used ? *limit - used : 0;
      if (!room.limit || left < (*room.limit > room.used ? *room.limit - room.used : 0))
        room.limit = limit, room.used = used;
    }
    if (path.empty() || path == "/") return;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

struct ProcessStat {
  int group = 0;
  std::uint64_t resident_pages = 0;
};

// /proc/PID/stat (proc(5)): the name in parentheses may hold anything, so fields are counted behind it.
std::optional<ProcessStat> read_stat_of(const std::string& folder) {
  const std::string text = read_text(folder + "/stat");
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  std::istringstream in(text.substr(close + 1));
  std::string field;
  ProcessStat stat;
  for (int i = 3; i <= 24 && in >> field; ++i) {
    if (i == 5) std::from_chars(field.data(), field.data() + field.size(), stat.group);
    if (i == 24) std::from_chars(field.data(), field.data() + field.size(), stat.resident_pages);
  }
  return stat;
}

// Of all processes in the group that `pid` belongs to.
std::uint64_t resident_of_group(const std::string& proc, int pid) {
  const std::optional<ProcessStat> leader = read_stat_of(proc + "/" + std::to_string(pid));
  if (!leader) return 0;
  std::uint64_t pages = 0;
  DIR* folder = ::opendir(proc.c_str());
  if (folder == nullptr) return 0;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const std::optional<ProcessStat> stat = read_stat_of(proc + "/" + entry->d_name);
    if (stat && stat->group == leader->group) pages += stat->resident_pages;
  }
  ::closedir(folder);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryRoom read_memory_room(const std::string& root, int pid) {
  MemoryRoom room;
  if (pid <= 0) return room;
  const std::string groups = read_text(root + "/proc/" + std::to_string(pid) + "/cgroup");
  if (groups.empty()) return room;
  if (const auto v1 = cgroup_path(groups, "memory")) {
    find_tightest(root + "/sys/fs/cgroup/memory", *v1, kV1, room);
  } else if (const auto v2 = cgroup_path(groups, "")) {
    find_tightest(root + "/sys/fs/cgroup", *v2, kV2, room);
  }
  if (!room.limit) return room;  // nothing to compare with: spare the walk over all processes
  room.active_resident = resident_of_group(root + "/proc", pid);
  return room;
}

}  // namespace sidestep::sidecar
