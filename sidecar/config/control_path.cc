#include "sidecar/config/control_path.h"

#include <sys/stat.h>

#include <cerrno>

namespace sidestep::sidecar {

std::string control_folder(std::string_view runtime_dir, unsigned uid) {
  std::string folder(runtime_dir.empty() ? "/tmp" : runtime_dir);
  return folder + "/sidestep-" + std::to_string(uid);
}

std::string control_socket(std::string_view folder, std::uint16_t port) {
  return std::string(folder) + "/" + std::to_string(port) + ".sock";
}

Status ensure_private_folder(const std::string& path, unsigned uid) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("make folder " + path, errno);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return system_error("look at folder " + path, errno);
  if (!S_ISDIR(info.st_mode))
    return refused(path + " is not a folder; remove it, or choose another place with --control");
  if (info.st_uid != uid) {
    return refused(path + " belongs to user " + std::to_string(info.st_uid) + ", not to us (" +
                   std::to_string(uid) + "); choose another place with --control");
  }
  if ((info.st_mode & 077) != 0) return refused(path + " is open to other users; run: chmod 700 " + path);
  return {};
}

}  // namespace sidestep::sidecar
