// One error value for the whole program: what went wrong, whose fault it is, whether it may be tried again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sidestep {

enum class ErrorKind : std::uint8_t {
  kInvalid,      // input that breaks a rule; the detail names field, value and fix
  kNotFound,     // the thing named does not exist
  kConflict,     // somebody else changed it first, or it is in use
  kRefused,      // understood and not allowed
  kUnavailable,  // the other side did not answer, or not in time
  kLimit,        // a bound of ours was reached
  kSystem,       // the operating system said no
  kProtocol,     // the other side broke its protocol
};

enum class Fault : std::uint8_t { kClient, kApp, kCluster, kUs };

enum class Retry : std::uint8_t {
  kNever,  // the same call fails again
  kSafe,   // nothing was done; call again at once
  kLater,  // call again after a back-off
};

struct Error {
  ErrorKind kind = ErrorKind::kSystem;
  Fault fault = Fault::kUs;
  Retry retry = Retry::kNever;
  std::string detail;  // one sentence for a person
};

std::string_view to_string(ErrorKind kind);
std::string_view to_string(Fault fault);

Error invalid(std::string detail);
Error not_found(std::string detail);
Error refused(std::string detail);
Error unavailable(std::string detail);
// `what` and the text of `error_number` (an errno value), for instance "bind 127.0.0.1:80: Permission denied".
Error system_error(std::string_view what, int error_number);

}  // namespace sidestep
