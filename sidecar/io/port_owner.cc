#include "sidecar/io/port_owner.h"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

namespace sidestep::sidecar {

namespace {

// The inode of a socket that listens on the port, from a table like /proc/net/tcp; "" when there is none.
std::string listening_inode(const std::string& table, std::uint16_t port) {
  std::array<char, 8> suffix{};
  std::snprintf(suffix.data(), suffix.size(), ":%04X", static_cast<unsigned>(port));
  std::ifstream in(table);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream columns(line);
    std::string slot, local, remote, state, queues, timer, retries, user, timeout, inode;
    columns >> slot >> local >> remote >> state >> queues >> timer >> retries >> user >> timeout >> inode;
    if (state == "0A" && local.ends_with(suffix.data())) return inode;
  }
  return {};
}

bool holds(const std::string& pid, const std::string& link) {
  const std::string folder = "/proc/" + pid + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (dir == nullptr) return false;
  while (const dirent* entry = readdir(dir.get())) {
    std::array<char, 64> target{};
    const ssize_t size = readlink((folder + "/" + entry->d_name).c_str(), target.data(), target.size() - 1);
    if (size > 0 && link == target.data()) return true;
  }
  return false;
}

}  // namespace

std::string port_owner(std::uint16_t port) {
  std::string inode = listening_inode("/proc/net/tcp", port);
  if (inode.empty()) inode = listening_inode("/proc/net/tcp6", port);
  if (inode.empty()) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc"), closedir);
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir.get())) {
    const std::string pid = entry->d_name;
    if (pid.find_first_not_of("0123456789") != std::string::npos || !holds(pid, "socket:[" + inode + "]"))
      continue;
    std::string name;
    std::getline(std::ifstream("/proc/" + pid + "/comm"), name);
    return "process " + pid + " (" + name + ")";
  }
  return "a process of another user or container";
}

}  // namespace sidestep::sidecar
