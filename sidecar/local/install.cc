#include "sidecar/local/install.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {

namespace {

constexpr const char* kName = "/sidestep-launch";

ssize_t read_full(int fd, char* bytes, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = read(fd, bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

bool same_file(const std::string& a, const std::string& b) {
  const UniqueFd one(open(a.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd two(open(b.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!one || !two || fstat(two.get(), &info) != 0 || (info.st_mode & 0555U) != 0555U) return false;
  std::array<char, 65'536> left{}, right{};
  while (true) {
    const ssize_t got = read_full(one.get(), left.data(), left.size());
    if (got < 0 || read_full(two.get(), right.data(), right.size()) != got) return false;
    if (got == 0) return true;
    if (std::memcmp(left.data(), right.data(), static_cast<std::size_t>(got)) != 0) return false;
  }
}

Status copy_file(const std::string& from, const std::string& to) {
  const UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return system_error("open the launcher " + from, errno);
  const UniqueFd out(open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
  if (!out) return system_error("write " + to, errno);
  std::array<char, 65'536> buffer{};
  while (true) {
    const ssize_t got = read_full(in.get(), buffer.data(), buffer.size());
    if (got < 0) return system_error("read the launcher " + from, errno);
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(out.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno != EINTR) return system_error("write " + to, errno);
      if (put > 0) done += put;
    }
  }
  if (fchmod(out.get(), 0755) != 0 || fsync(out.get()) != 0) return system_error("write " + to, errno);
  return {};
}

}  // namespace

Status install_launcher(const std::string& from, const std::string& folder) {
  const std::string to = folder + kName;
  struct statvfs volume {};
  if (statvfs(folder.c_str(), &volume) != 0) return system_error("shared volume " + folder, errno);
  if ((volume.f_flag & ST_NOEXEC) != 0) {
    return refused("shared volume " + folder + " is mounted noexec, so the app's container cannot start " +
                   to + ": build sidestep-launch into the app's image, or mount it from an image volume");
  }
  if (same_file(from, to)) return {};
  const std::string draft = folder + "/.sidestep-launch." + std::to_string(getpid());
  if (Status copied = copy_file(from, draft); !copied) {
    unlink(draft.c_str());
    return copied;
  }
  if (rename(draft.c_str(), to.c_str()) != 0) {
    const int number = errno;
    unlink(draft.c_str());
    return system_error("rename " + draft + " to " + to, number);
  }
  return {};
}

}  // namespace sidestep::sidecar
