// Any text is either refused with a reason, or read into a policy that is written and read back the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/policy/spec.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sidestep::policy::parse_policy;
  const auto spec = parse_policy({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!spec) {
    CHECK(!spec.error().detail.empty());
    return 0;
  }
  const std::string json = policy_to_json(*spec);
  const auto again = parse_policy(json, "json");
  CHECK(again.has_value());
  CHECK(policy_to_json(*again) == json);
  return 0;
}
