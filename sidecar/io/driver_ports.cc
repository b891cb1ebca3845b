#include "sidecar/io/driver_ports.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {

namespace {

constexpr int kTries = 16;

template <typename Visit>
void for_each_entry(const std::string& folder, Visit&& visit) {
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) visit(std::string(entry->d_name));
  ::closedir(dir);
}

// Whether the process is in the group or the session that `leader` leads.
bool belongs(const std::string& proc, const std::string& process, int leader) {
  std::ifstream in(proc + "/" + process + "/stat");
  std::string text;
  std::getline(in, text);
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return false;
  std::istringstream fields(text.substr(close + 1));
  std::string state;
  int parent = 0, group = 0, session = 0;
  fields >> state >> parent >> group >> session;
  return group == leader || session == leader || process == std::to_string(leader);
}

// False when none of its descriptors may be looked at.
bool add_inodes(const std::string& fd_folder, std::set<std::uint64_t>& inodes) {
  bool is_visible = false;
  for_each_entry(fd_folder, [&](const std::string& name) {
    char target[64];
    const ssize_t length = ::readlink((fd_folder + "/" + name).c_str(), target, sizeof target - 1);
    if (length <= 0) return;
    is_visible = true;
    target[length] = '\0';
    unsigned long long inode = 0;
    if (std::sscanf(target, "socket:[%llu]", &inode) == 1) inodes.insert(inode);
  });
  return is_visible;
}

}  // namespace

Result<std::uint16_t> free_loopback_port(const std::vector<std::uint16_t>& taken) {
  for (int i = 0; i < kTries; ++i) {
    Result<UniqueFd> socket = listen_tcp("127.0.0.1", 0);
    if (!socket) return socket.error();
    const std::uint16_t port = local_port(socket->get());
    if (std::find(taken.begin(), taken.end(), port) == taken.end()) return port;
  }
  return unavailable("no free port on 127.0.0.1 in " + std::to_string(kTries) +
                     " tries; see net.ipv4.ip_local_port_range");
}

std::optional<std::vector<Listening>> listening_of_group(const std::string& root, int pid,
                                                         const std::vector<Listening>& all) {
  const std::string proc = root + "/proc";
  std::set<std::uint64_t> inodes;
  bool is_visible = false;
  for_each_entry(proc, [&](const std::string& name) {
    if (name[0] < '1' || name[0] > '9' || !belongs(proc, name, pid)) return;
    if (add_inodes(proc + "/" + name + "/fd", inodes)) is_visible = true;
  });
  if (!is_visible) return std::nullopt;
  std::vector<Listening> theirs;
  for (const Listening& entry : all) {
    if (inodes.contains(entry.inode)) theirs.push_back(entry);
  }
  return theirs;
}

}  // namespace sidestep::sidecar
