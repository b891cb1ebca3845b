// What a waiting command shows while a reload runs: on a terminal one line per phase that is drawn anew,
// otherwise a plain line at each change. Returns text; writes nothing, reads no clock.
#pragma once

#include <string>

#include "lib/base/clock.h"
#include "sidecar/admin/wire.h"

namespace sidestep::sidecar::cli {

class Progress {
 public:
  explicit Progress(bool is_terminal) : is_terminal_(is_terminal) {}

  // Empty when there is nothing new to show.
  std::string update(const wire::Status& status, Millis elapsed);
  // Ends the line that is being drawn.
  std::string end();

 private:
  const bool is_terminal_;
  std::string phase_;
  std::string line_;
};

}  // namespace sidestep::sidecar::cli
