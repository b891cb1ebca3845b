#include "sidecar/config/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <vector>

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostControlFile = 65'536;

Result<std::string> read_file(const std::string& path, std::size_t most) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return system_error("open", errno);
  std::string text;
  std::array<char, 4096> part{};
  ssize_t got = 0;
  while (text.size() <= most && (got = read(file, part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  const int failure = got < 0 ? errno : 0;
  close(file);
  if (failure != 0) return system_error("read", failure);
  if (text.size() > most) return invalid("larger than " + std::to_string(most) + " bytes");
  return text;
}

bool can_run(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

bool is_command(const std::string& command, const std::string& search_path) {
  if (command.find('/') != std::string::npos) return can_run(command);
  std::istringstream folders(search_path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (can_run((folder.empty() ? "." : folder) + "/" + command)) return true;
  }
  return false;
}

// "max 100000" or "150000 100000" (v2); the quota file alone in v1, where the period has its own.
std::optional<double> ratio(const std::string& quota, const std::string& period) {
  const double allowed = std::strtod(quota.c_str(), nullptr);
  const double whole = std::strtod(period.c_str(), nullptr);
  if (allowed <= 0 || whole <= 0) return std::nullopt;
  return allowed / whole;
}

std::optional<double> limit_of_v2(const std::string& folder) {
  const Result<std::string> text = read_file(folder + "/cpu.max", kMostControlFile);
  if (!text) return std::nullopt;
  std::istringstream words(*text);
  std::string quota, period;
  words >> quota >> period;
  return ratio(quota, period);
}

std::optional<double> limit_of_v1(const std::string& folder) {
  const Result<std::string> quota = read_file(folder + "/cpu.cfs_quota_us", kMostControlFile);
  const Result<std::string> period = read_file(folder + "/cpu.cfs_period_us", kMostControlFile);
  if (!quota || !period) return std::nullopt;
  return ratio(*quota, *period);
}

using Reader = std::optional<double> (*)(const std::string&);

// Every group up to the top may be the tight one. In a container the path that /proc shows may not exist
// under the mount; the top itself is then our own group.
std::optional<double> tightest(const std::string& mount, std::string path, Reader limit) {
  std::optional<double> least;
  while (true) {
    const std::optional<double> here = limit(mount + (path == "/" ? "" : path));
    if (here && (!least || *here < *least)) least = here;
    if (path.empty() || path == "/") return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

std::optional<double> cgroup_cpu_limit(const std::string& root) {
  const Result<std::string> groups = read_file(root + "/proc/self/cgroup", kMostControlFile);
  if (!groups) return std::nullopt;
  std::istringstream lines(*groups);
  std::optional<double> least;
  for (std::string line; std::getline(lines, line);) {  // "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1)
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    std::optional<double> limit;
    if (controllers.empty()) limit = tightest(root + "/sys/fs/cgroup", path, limit_of_v2);
    if (names_cpu(controllers)) limit = tightest(root + "/sys/fs/cgroup/" + controllers, path, limit_of_v1);
    if (names_cpu(controllers) && !limit) limit = tightest(root + "/sys/fs/cgroup/cpu", path, limit_of_v1);
    if (limit && (!least || *limit < *least)) least = limit;
  }
  return least;
}

Machine real_machine() {
  Machine machine;
  machine.uid = geteuid();
  machine.has_ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
  machine.cpu_limit = cgroup_cpu_limit("");
  machine.read_file = read_file;
  machine.is_command = is_command;
  return machine;
}

}  // namespace sidestep::sidecar
