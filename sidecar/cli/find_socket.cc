#include "sidecar/cli/find_socket.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sidecar/config/control_path.h"

namespace sidestep::sidecar::cli {
namespace {

std::vector<std::string> list(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = opendir(folder.c_str());
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    if (name.size() > 5 && name.compare(name.size() - 5, 5, ".sock") == 0) names.push_back(name);
  }
  closedir(open);
  std::sort(names.begin(), names.end());
  return names;
}

bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool connected = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool busy = !connected && errno == EAGAIN;
  close(probe);
  return connected || busy;
}

}  // namespace

SocketFolder real_folder() { return {list, answers}; }

Result<std::string> find_socket(const SocketPlaces& places, const SocketFolder& folder) {
  if (!places.named.empty()) return places.named;
  if (!places.environment.empty()) return places.environment;
  const std::string state(places.state_dir.empty() ? std::string(kDefaultStateDir) : places.state_dir);
  const std::string pod = state + "/" + std::string(kPodSocketName);
  if (folder.answers(pod)) return pod;
  const std::string own = control_folder(places.runtime_dir, places.uid);
  std::vector<std::string> found;
  for (const std::string& name : folder.list(own)) {
    if (folder.answers(own + "/" + name)) found.push_back(own + "/" + name);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return unavailable("no sidestep of this user is running (looked in " + own + " and at " + pod +
                       "); start one with sidestep run, or name its socket with --control");
  }
  std::string names;
  for (const std::string& path : found) names += "\n  --control " + path;
  return invalid(std::to_string(found.size()) + " sidesteps are running; say which one is meant:" + names);
}

}  // namespace sidestep::sidecar::cli
