// Calls the control API over its Unix socket: one call, one answer. The only unit of the command line that
// includes cpp-httplib. Blocks the calling thread.
#pragma once

#include <string>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::sidecar::cli {

struct Answer {
  int status = 0;
  std::string body;
  bool may_repeat = false;  // nothing was done: ask again at once (Retry-After: 0)
};

class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // kUnavailable when nobody answers within `patience`; any HTTP status is an answer.
  Result<Answer> get(const std::string& target, Millis patience) const;
  Result<Answer> post(const std::string& target, const std::string& body, Millis patience) const;

 private:
  std::string socket_path_;
};

}  // namespace sidestep::sidecar::cli
