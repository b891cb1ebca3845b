#include "sidecar/io/pinned_sockets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "sidecar/io/launcher_reports.h"

namespace sidestep::sidecar {

void PinnedSockets::clear() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_dir_ + "/" + folder_, error)) {
    std::filesystem::remove(entry.path(), error);
  }
}

Status PinnedSockets::pin(std::uint64_t generation) {
  const std::string bound = run_dir_ + "/" + bound_socket(generation);
  UniqueFd socket(open(bound.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!socket) return system_error("open " + bound, errno);
  struct stat info {};
  if (fstat(socket.get(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return refused("what the generation put at " + bound + " is not a socket");
  }
  return adopt(generation, std::move(socket));
}

Status PinnedSockets::adopt(std::uint64_t generation, UniqueFd socket) {
  const std::string link = run_dir_ + "/" + pinned_socket(folder_, generation);
  unlink(link.c_str());
  const std::string target = "/proc/self/fd/" + std::to_string(socket.get());
  if (symlink(target.c_str(), link.c_str()) != 0) return system_error("link " + link, errno);
  pinned_[generation] = std::move(socket);
  return {};
}

void PinnedSockets::forget(std::uint64_t generation) {
  if (pinned_.erase(generation) > 0) unlink((run_dir_ + "/" + pinned_socket(folder_, generation)).c_str());
}

}  // namespace sidestep::sidecar
