#include "sidecar/launch/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "sidecar/launch/posix.h"
#include "sidecar/launch/tree_copy.h"

// A snapshot is a folder gN: "meta" (two lines: hash, what {config} stands for) and "c" (the copies).
namespace sidestep::launch {

namespace {

constexpr int kTries = 5;  // when new versions are published while we copy

std::string without_last_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string last_name(const std::string& path) {
  const std::string plain = without_last_slashes(path);
  return plain.substr(plain.rfind('/') + 1);
}

std::string check_sources(const std::vector<ConfigSource>& sources) {
  std::vector<std::string> names;
  for (const ConfigSource& source : sources) {
    if (!source.path.starts_with('/')) return "configuration path \"" + source.path + "\" must begin with /";
    const std::string name = last_name(source.path);
    if (name.empty() || name == "." || name == "..")
      return "configuration path " + source.path + " has no last name";
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return "two configuration paths end in \"" + name +
             "\", and {config} can hold only one of them: rename a mount";
    }
    names.push_back(name);
  }
  return sources.empty() ? "the policy names no configuration path" : "";
}

std::string first_line(const std::string& text, std::size_t from) {
  return text.substr(from, text.find('\n', from) - from);
}

bool write_file(const std::string& path, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Makes the folder with its parents.
bool make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return true;
  const std::size_t slash = path.rfind('/');
  if (errno != ENOENT || slash == 0 || slash == std::string::npos) return false;
  return make_folder(path.substr(0, slash)) && mkdir(path.c_str(), 0700) == 0;
}

// A copy that does not exist is mounted as an empty folder.
bool holds_anything(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (dir == nullptr) return false;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && !name.starts_with("..")) return true;  // what begins with ".." is the kubelet's own
  }
  return false;
}

bool is_inside(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

// Where the copies are read in place of the mounts. `missing`: the staged copy that is not there.
std::vector<Detour> detours_to(const std::vector<Pin>& pins, const std::vector<ConfigSource>& sources,
                               Content content, std::string& missing) {
  std::vector<Detour> detours;
  if (content == Content::kMounted) return detours;
  for (const Pin& pin : pins) {
    const bool is_read = std::any_of(sources.begin(), sources.end(), [&](const ConfigSource& source) {
      const std::string path = without_last_slashes(source.path);
      return !source.is_live && (is_inside(path, pin.mount) || is_inside(pin.mount, path));
    });
    if (!is_read) continue;
    const std::string& copy = content == Content::kKept ? pin.kept : pin.staged;
    if (holds_anything(copy))
      detours.push_back({pin.mount, copy});
    else if (content == Content::kStaged)
      missing = copy;
  }
  return detours;
}

struct Attempt {
  CopyResult result = CopyResult::kDone;
  std::string hash;
  std::string error;
};

// Fills `to` (which does not exist yet) with the copies of all sources.
Attempt copy_sources(const std::vector<ConfigSource>& sources, const std::string& to,
                     const SnapshotLimits& limits, const std::vector<Detour>& detours) {
  Sha256 hash;
  TreeCopy copy(limits, detours, hash);
  if (mkdir(to.c_str(), 0700) != 0) return {CopyResult::kFailed, {}, failure("make " + to, errno)};
  for (const ConfigSource& source : sources) {
    const std::string name = last_name(source.path);
    if (source.is_live) {
      hash.update("live " + source.path + '\0');
      if (symlink(source.path.c_str(), (to + "/" + name).c_str()) == 0) continue;
      return {CopyResult::kFailed, {}, failure("link " + to + "/" + name, errno)};
    }
    const CopyResult result = copy.copy(without_last_slashes(source.path), to + "/" + name, name);
    if (result != CopyResult::kDone) return {result, {}, copy.error()};
  }
  return {CopyResult::kDone, "v1:sha256:" + hash.finish_hex(), {}};
}

}  // namespace

std::string Snapshots::place_of(std::uint64_t generation) const {
  return folder_ + "/g" + std::to_string(generation);
}

ConfigHash Snapshots::take(std::uint64_t generation, const std::vector<ConfigSource>& sources,
                           Content content) {
  const auto failed = [&](std::string error) { return ConfigHash{generation, {}, std::move(error)}; };
  if (std::string wrong = check_sources(sources); !wrong.empty()) return failed(std::move(wrong));
  if (!make_folder(folder_)) {
    return failed(failure("make " + folder_, errno) +
                  " (set SIDESTEP_CONFIG_DIR to a folder that can be written)");
  }
  if (!config_path(generation) && list().size() >= limits_.max_kept) {
    return failed(std::to_string(limits_.max_kept) + " snapshots are kept already in " + folder_);
  }
  std::string missing;
  const std::vector<Detour> detours = detours_to(pins_, sources, content, missing);
  if (!missing.empty())
    return failed("configuration " + missing +
                  " is empty: the copy that this reload brings has not arrived; try again");
  const std::string draft = folder_ + "/.draft";
  Attempt attempt{CopyResult::kChanged, {}, {}};
  for (int tries = 0; tries < kTries && attempt.result == CopyResult::kChanged; ++tries) {
    remove_tree(draft);
    if (mkdir(draft.c_str(), 0700) != 0) return failed(failure("make " + draft, errno));
    attempt = copy_sources(sources, draft + "/c", limits_, detours);
  }
  if (attempt.result == CopyResult::kChanged)
    attempt.error = "the configuration changed while it was copied, five times";
  const std::string place = place_of(generation);
  std::string leads_to = place + "/c";
  if (sources.size() == 1)
    leads_to = sources[0].is_live ? sources[0].path : leads_to + "/" + last_name(sources[0].path);
  if (attempt.result == CopyResult::kDone &&
      !write_file(draft + "/meta", attempt.hash + "\n" + leads_to + "\n")) {
    attempt = {CopyResult::kFailed, {}, failure("write " + draft + "/meta", errno)};
  }
  if (attempt.result == CopyResult::kDone) {
    remove_tree(place);
    if (rename(draft.c_str(), place.c_str()) == 0) return {generation, attempt.hash, {}};
    attempt.error = failure("rename to " + place, errno);
  }
  remove_tree(draft);
  return failed(attempt.error);
}

void Snapshots::drop(std::uint64_t generation) { remove_tree(place_of(generation)); }

std::optional<std::string> Snapshots::config_path(std::uint64_t generation) const {
  const std::string meta = read_small_file(place_of(generation) + "/meta");
  const std::size_t end = meta.find('\n');
  if (end == std::string::npos) return std::nullopt;
  return first_line(meta, end + 1);
}

std::vector<SnapshotInfo> Snapshots::list() const {
  std::vector<SnapshotInfo> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder_.c_str()), closedir);
  if (dir == nullptr) return found;
  while (const dirent* entry = readdir(dir.get())) {
    char* end = nullptr;
    if (entry->d_name[0] != 'g') continue;
    const std::uint64_t generation = std::strtoull(entry->d_name + 1, &end, 10);
    if (end == entry->d_name + 1 || *end != '\0') continue;
    const std::string meta = read_small_file(place_of(generation) + "/meta");
    if (!meta.empty()) found.push_back({generation, first_line(meta, 0)});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.generation < b.generation; });
  return found;
}

}  // namespace sidestep::launch
