// Copies of the app's configuration, one per generation, so that a rollback brings back the old one too.
//
// A source is a file or a folder; symbolic links are followed, and a folder laid out by the kubelet
// (ConfigMap, Secret, projected: names that lead through "..data") is copied from one published version,
// never from two. A copy appears whole (rename) or not at all; folders are 0700, files 0400 or 0500. The hash
// covers names and contents, not times.
//
// Copies stay on disk over a restart of the launcher. Blocking file calls; threads: the launcher's one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/launch/protocol.h"

namespace sidestep::launch {

// A mount whose content the operator keeps copies of; all paths are of this container.
struct Pin {
  std::string mount;
  std::string kept;    // where the copy is that every pod starts from
  std::string staged;  // where the copy is that a reload brings
  bool operator==(const Pin&) const = default;
};

struct SnapshotLimits {
  std::size_t max_bytes = 16U << 20U;  // all files of one snapshot; the volume is memory
  std::size_t max_files = 4'096;
  std::size_t max_depth = 32;  // folders within folders; ends loops of links
  std::size_t max_kept = 16;   // snapshots at one time
};

class Snapshots {
 public:
  // `folder` is made when needed, 0700.
  Snapshots(std::string folder, SnapshotLimits limits, std::vector<Pin> pins = {})
      : folder_(std::move(folder)), limits_(limits), pins_(std::move(pins)) {}

  // Replaces an earlier one of the generation. On failure the error names path and fix, and nothing has
  // changed.
  ConfigHash take(std::uint64_t generation, const std::vector<ConfigSource>& sources,
                  Content content = Content::kMounted);
  void drop(std::uint64_t generation);

  // What {config} stands for; nothing when there is no such snapshot.
  std::optional<std::string> config_path(std::uint64_t generation) const;
  std::vector<SnapshotInfo> list() const;  // by generation

 private:
  std::string place_of(std::uint64_t generation) const;

  std::string folder_;
  SnapshotLimits limits_;
  std::vector<Pin> pins_;
};

}  // namespace sidestep::launch
