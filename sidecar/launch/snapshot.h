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

struct SnapshotLimits {
  std::size_t max_bytes = 16U << 20U;  // all files of one snapshot; the volume is memory
  std::size_t max_files = 4'096;
  std::size_t max_depth = 32;  // folders within folders; ends loops of links
  std::size_t max_kept = 16;   // snapshots at one time
};

class Snapshots {
 public:
  // `folder` is made when needed, 0700.
  Snapshots(std::string folder, SnapshotLimits limits) : folder_(std::move(folder)), limits_(limits) {}

  // Replaces an earlier one of the generation. On failure the error names path and fix, and nothing has
  // changed.
  ConfigHash take(std::uint64_t generation, const std::vector<ConfigSource>& sources);
  void drop(std::uint64_t generation);

  // What {config} stands for; nothing when there is no such snapshot.
  std::optional<std::string> config_path(std::uint64_t generation) const;
  std::vector<SnapshotInfo> list() const;  // by generation

 private:
  std::string place_of(std::uint64_t generation) const;

  std::string folder_;
  SnapshotLimits limits_;
};

}  // namespace sidestep::launch
