// The process between the launcher and one generation of the app. It is the generation's subreaper: whatever
// the app forks, however it detaches itself, stays below the shim, so that all of it can be found, ended and
// reaped.
//
// The shim is forked, not executed, so that an empty image will do. It ends when the last process of its
// generation has; when the launcher dies it kills the generation and ends.
//
// It decides one thing by itself: what the program leaves behind when it ends is ended too (SIGTERM, then
// SIGKILL).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

struct Program {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // the whole environment; PATH in it is searched
};

// One message each over a SOCK_SEQPACKET pair; both ends are the same binary.
struct ShimReport {
  enum Kind : std::int32_t { kStarted, kExecFailed, kExited, kGone };
  Kind kind;
  std::int32_t pid;        // kStarted
  std::int32_t value;      // kExecFailed: errno; kExited: wait status
  std::int32_t leftover;   // kExited: processes still there
  std::int32_t was_asked;  // kExited: after an order
};
struct ShimOrder {
  enum Kind : std::int32_t { kSignal, kStop };
  Kind kind;
  std::int32_t number;         // kSignal
  std::int64_t kill_after_ms;  // kStop
};

struct Shim {
  pid_t pid = -1;
  UniqueFd control;
  UniqueFd output[2];  // read ends of the program's standard output and error, non-blocking
};

// Empty control on failure, errno set. Signals are expected to be blocked in the caller; the program gets
// none blocked.
Shim start_shim(const Program& program);

// Why the program could not be executed, for a person: names the path, or the folders that were searched.
std::string explain_exec_failure(const Program& program, int error_number);

}  // namespace sidestep::launch
