// One record on disk that survives a crash at any moment: written aside, synced, renamed, checksummed. What
// the record says is the driver's business.
//
// Blocking file calls (a sync takes milliseconds); threads: the control thread.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"

namespace sidestep::sidecar {

class Journal {
 public:
  // `folder` is private to the proxy; made when needed (0700).
  explicit Journal(std::string folder) : folder_(std::move(folder)) {}

  Status write(const std::string& record) const;
  // Nothing when none was ever written. A damaged one is an error that names the file; it is left as it is.
  Result<std::optional<std::string>> read() const;

 private:
  std::string path() const { return folder_ + "/journal"; }

  std::string folder_;
};

}  // namespace sidestep::sidecar
