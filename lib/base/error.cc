#include "lib/base/error.h"

#include <system_error>

namespace sidestep {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid: return "invalid";
    case ErrorKind::kNotFound: return "not found";
    case ErrorKind::kConflict: return "conflict";
    case ErrorKind::kRefused: return "refused";
    case ErrorKind::kUnavailable: return "unavailable";
    case ErrorKind::kLimit: return "limit reached";
    case ErrorKind::kSystem: return "system error";
    case ErrorKind::kProtocol: return "protocol error";
  }
  return "unknown";
}

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kClient: return "client";
    case Fault::kApp: return "app";
    case Fault::kCluster: return "cluster";
    case Fault::kUs: return "sidestep";
  }
  return "unknown";
}

Error invalid(std::string detail) {
  return {ErrorKind::kInvalid, Fault::kClient, Retry::kNever, std::move(detail)};
}

Error not_found(std::string detail) {
  return {ErrorKind::kNotFound, Fault::kClient, Retry::kNever, std::move(detail)};
}

Error refused(std::string detail) {
  return {ErrorKind::kRefused, Fault::kClient, Retry::kNever, std::move(detail)};
}

Error unavailable(std::string detail) {
  return {ErrorKind::kUnavailable, Fault::kUs, Retry::kLater, std::move(detail)};
}

Error system_error(std::string_view what, int error_number) {
  return {ErrorKind::kSystem, Fault::kUs, Retry::kNever,
          std::string(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace sidestep
