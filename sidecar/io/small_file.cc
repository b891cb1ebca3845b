#include "sidecar/io/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;

}  // namespace

Result<std::string> read_small_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error("read " + path, errno);
  std::string text;
  std::array<char, 8'192> block;
  while (text.size() <= kMostBytes) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read " + path, errno);
    if (count == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return invalid(path + ": longer than 1 MiB; that is no certificate");
}

std::string stamp_of(const std::vector<std::string>& paths) {
  std::string stamp;
  for (const std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      stamp += "none;";
      continue;
    }
    for (const auto part :
         {static_cast<long long>(status.st_dev), static_cast<long long>(status.st_ino),
          static_cast<long long>(status.st_size), static_cast<long long>(status.st_mtim.tv_sec),
          static_cast<long long>(status.st_mtim.tv_nsec), static_cast<long long>(status.st_ctim.tv_nsec)}) {
      stamp += std::to_string(part) + ",";
    }
    stamp += ";";
  }
  return stamp;
}

}  // namespace sidestep::sidecar
