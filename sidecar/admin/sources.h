// What the pod's mounts of ConfigMaps and Secrets hold now, as digests, for the operator: it starts a
// candidate only once the kubelet has brought the wanted content here. No value leaves this unit.
//
// A folder is read again when the kubelet has exchanged it (the link ..data names another folder); without
// that link at each call. Bounded: kMostKeys files of kMostFileBytes per folder; what is beyond is left out,
// so that it counts as not seen.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "lib/policy/content.h"
#include "sidecar/config/options.h"

namespace sidestep::sidecar {

class SourceReader {
 public:
  explicit SourceReader(std::vector<SourceMount> mounts) : mounts_(std::move(mounts)) {}

  // In the order of the mounts; a folder that does not exist has no keys.
  std::vector<policy::SourceContent> read();

  static constexpr std::size_t kMostKeys = 256;
  static constexpr std::size_t kMostFileBytes = std::size_t{2} << 20;

 private:
  struct Seen {
    std::string link;  // of ..data; empty: never kept
    policy::Digests digests;
  };
  const std::vector<SourceMount> mounts_;
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by folder; guarded by mutex_
};

}  // namespace sidestep::sidecar
