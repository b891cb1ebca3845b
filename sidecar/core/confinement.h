// What the worker process has given up after its start, and what it could not. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sidestep::sidecar {

enum class SeccompMode : std::uint8_t {
  kOff,
  kLog,      // system calls that are not on the list are made, and logged by the kernel
  kEnforce,  // they fail with ENOSYS
  kAuto,     // enforced where the process is filtered already, as a second filter costs nothing
};

struct Confinement {
  bool no_new_privileges = false;
  bool capabilities = false;      // all of them are gone
  bool bounding_set = false;      // is empty
  bool seccomp = false;           // the list is enforced
  std::vector<std::string> kept;  // one sentence each: what is still there, and why
};

}  // namespace sidestep::sidecar
