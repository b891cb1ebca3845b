// Certificate authorities of a file together with those of the system, as one PEM text.
//
// The file is read again for each question, so that its owner may exchange it; what cannot be read leaves the
// last good text in force. Threads: any.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "lib/base/result.h"

namespace sidestep::k8s {

inline constexpr std::size_t kMostCaBytes = 1u << 20;

// Its PEM text. Error: it cannot be read, is longer than kMostCaBytes, or holds no certificate.
Result<std::string> read_ca_file(const std::string& path);

class CaBundle {
 public:
  // `system`: the system's bundle; one that is not there counts as empty.
  CaBundle(std::string file, std::string system) : file_(std::move(file)), system_(std::move(system)) {}

  std::shared_ptr<const std::string> text();

 private:
  const std::string file_, system_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string last_;  // of the file
  std::shared_ptr<const std::string> both_;
};

}  // namespace sidestep::k8s
