#include "operator/core/version.h"

#include <charconv>
#include <cstdlib>
#include <optional>

namespace sidestep::op {
namespace {

struct Version {
  int major = 0;
  int minor = 0;
};

std::optional<Version> version_of(std::string_view text) {
  Version version;
  const char* end = text.data() + text.size();
  const auto [dot, major_error] = std::from_chars(text.data(), end, version.major);
  if (major_error != std::errc{} || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, minor_error] = std::from_chars(dot + 1, end, version.minor);
  if (minor_error != std::errc{} || version.major < 0 || version.minor < 0) return std::nullopt;
  if (rest != end && *rest != '.' && *rest != '-' && *rest != '+') return std::nullopt;
  return version;
}

}  // namespace

bool is_compatible(std::string_view operator_version, std::string_view sidecar_version) {
  if (operator_version.empty()) return true;
  const auto ours = version_of(operator_version);
  const auto theirs = version_of(sidecar_version);
  return ours && theirs && ours->major == theirs->major && std::abs(ours->minor - theirs->minor) <= 1;
}

}  // namespace sidestep::op
