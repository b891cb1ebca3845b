// Copies one file or folder, links followed, within bounds, and hashes what it copies.
#pragma once

#include <string>

#include "sidecar/launch/sha256.h"
#include "sidecar/launch/snapshot.h"

namespace sidestep::launch {

// What is left of the bounds of one snapshot; shared by its sources.
struct CopyBudget {
  std::size_t bytes;
  std::size_t files;
};

enum class CopyResult : std::uint8_t {
  kDone,
  kChanged,  // the source was replaced meanwhile (a new version was published): try again
  kFailed,
};

// What lies below `folder` is read below `instead`.
struct Detour {
  std::string folder;
  std::string instead;
};

class TreeCopy {
 public:
  TreeCopy(const SnapshotLimits& limits, const std::vector<Detour>& detours, Sha256& hash)
      : limits_(limits), detours_(detours), left_{limits.max_bytes, limits.max_files}, hash_(hash) {}

  // `name` is what the hash knows it by. `to` must not exist.
  CopyResult copy(const std::string& from, const std::string& to, const std::string& name);
  const std::string& error() const { return error_; }

 private:
  CopyResult copy_any(const std::string& path, const std::string& to, const std::string& name,
                      std::size_t depth);
  CopyResult copy_folder(const std::string& from, const std::string& to, const std::string& name,
                         std::size_t depth);
  CopyResult copy_file(const std::string& from, const std::string& to, const std::string& name,
                       unsigned mode);
  CopyResult fail(std::string message);
  CopyResult fail_call(const std::string& what, int error_number);

  std::string real_place(const std::string& path) const;

  const SnapshotLimits& limits_;
  const std::vector<Detour>& detours_;
  CopyBudget left_;
  Sha256& hash_;
  std::string error_;
};

// Removes a file, or a folder with all it holds; links are removed, not followed.
void remove_tree(const std::string& path);

}  // namespace sidestep::launch
