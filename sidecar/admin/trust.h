// The public keys that may sign commands: a folder with one PEM file each (a mounted ConfigMap, or none).
// Read when a signed call comes, never before, and read again as it changes: keys are rotated without a
// restart, and a sidecar that nobody steers never loads the crypto library's tables.
//
// Threading: one thread at a time; Authority holds the lock.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/signature.h"

namespace sidestep::sidecar {

class TrustStore {
 public:
  // An empty folder name trusts nobody.
  explicit TrustStore(std::string folder) : folder_(std::move(folder)) {}

  // Null when no such key is trusted. Valid until the next call.
  const policy::PublicKey* find(const std::string& key_id, TimePoint now);
  // What was wrong with files of the folder at the last reading.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void read(TimePoint now);

  static constexpr Millis kFreshFor{1'000};  // between two readings
  static constexpr std::size_t kMostKeys = 16;

  const std::string folder_;
  std::vector<policy::PublicKey> keys_;
  std::vector<std::string> problems_;
  TimePoint read_at_{};
  bool was_read_ = false;
};

}  // namespace sidestep::sidecar
