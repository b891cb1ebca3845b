#include "sidecar/launch/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

namespace {

std::optional<std::vector<std::string>> names_in(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (dir == nullptr) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The kubelet publishes a version of a volume by turning the link "..data" to another folder.
std::string published_version(const std::string& folder) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath((folder + "/..data").c_str(), nullptr), free);
  return real == nullptr ? folder : real.get();
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

CopyResult TreeCopy::fail(std::string message) {
  error_ = std::move(message);
  return CopyResult::kFailed;
}

CopyResult TreeCopy::fail_call(const std::string& what, int error_number) {
  return fail(failure(what, error_number));
}

CopyResult TreeCopy::copy(const std::string& from, const std::string& to, const std::string& name) {
  return copy_any(from, to, name, 0);
}

std::string TreeCopy::real_place(const std::string& path) const {
  for (const Detour& detour : detours_) {
    if (path == detour.folder) return detour.instead;
    if (path.starts_with(detour.folder + "/")) return detour.instead + path.substr(detour.folder.size());
  }
  return path;
}

CopyResult TreeCopy::copy_any(const std::string& path, const std::string& to, const std::string& name,
                              std::size_t depth) {
  const std::string from = real_place(path);
  struct stat info {};
  if (stat(from.c_str(), &info) != 0) {
    // Below the source itself a name that vanished means that a new version was published.
    if (errno == ENOENT && depth > 0) return CopyResult::kChanged;
    return fail_call("configuration " + from, errno);
  }
  if (S_ISDIR(info.st_mode)) return copy_folder(from, to, name, depth);
  if (S_ISREG(info.st_mode)) return copy_file(from, to, name, info.st_mode);
  return fail("configuration " + from + " is neither a file nor a folder; name files only");
}

CopyResult TreeCopy::copy_folder(const std::string& from, const std::string& to, const std::string& name,
                                 std::size_t depth) {
  if (depth >= limits_.max_depth) {
    return fail("configuration " + from + " lies more than " + std::to_string(limits_.max_depth) +
                " folders deep, or a link leads back into its own folder; name a smaller folder");
  }
  const std::string version = published_version(from);
  const auto names = names_in(version);
  if (!names)
    return errno == ENOENT && version != from ? CopyResult::kChanged
                                              : fail_call("configuration " + from, errno);
  if (mkdir(to.c_str(), 0700) != 0) return fail_call("make " + to, errno);
  hash_.update("folder " + name + '\0');
  for (const std::string& one : *names) {
    if (one.starts_with("..")) continue;  // the kubelet's own
    const CopyResult result = copy_any(version + "/" + one, to + "/" + one, name + "/" + one, depth + 1);
    if (result != CopyResult::kDone) return result;
  }
  return published_version(from) == version ? CopyResult::kDone : CopyResult::kChanged;
}

CopyResult TreeCopy::copy_file(const std::string& from, const std::string& to, const std::string& name,
                               unsigned mode) {
  if (left_.files == 0) {
    return fail("configuration has more than " + std::to_string(limits_.max_files) + " files at " + from +
                "; name a smaller folder");
  }
  --left_.files;
  const UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return errno == ENOENT ? CopyResult::kChanged : fail_call("configuration " + from, errno);
  const UniqueFd out(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return fail_call("write " + to, errno);
  Sha256 content;
  std::string buffer(65'536, '\0');
  while (true) {
    const ssize_t got = read(in.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_call("read configuration " + from, errno);
    if (got == 0) break;
    const auto size = static_cast<std::size_t>(got);
    if (size > left_.bytes) {
      return fail("configuration is larger than " + std::to_string(limits_.max_bytes) + " bytes at " + from +
                  "; name a smaller folder, or make it Live");
    }
    left_.bytes -= size;
    content.update({buffer.data(), size});
    if (!write_all(out.get(), {buffer.data(), size})) return fail_call("write " + to, errno);
  }
  hash_.update("file " + name + '\0' + content.finish_hex() + '\0');
  fchmod(out.get(), (mode & 0111U) != 0 ? 0500 : 0400);
  return CopyResult::kDone;
}

void remove_tree(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISDIR(info.st_mode)) {
    unlink(path.c_str());
    return;
  }
  for (const std::string& name : names_in(path).value_or(std::vector<std::string>{}))
    remove_tree(path + "/" + name);
  rmdir(path.c_str());
}

}  // namespace sidestep::launch
