// What starts a reload besides a person: changes of named ConfigMaps and Secrets, and a schedule. Plain
// values; read by spec_triggers.cc as a part of the ReloadPolicy's spec. A sidecar looks only whether sources
// are pinned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"

namespace sidestep::policy {

inline constexpr std::size_t kMostSources = 16;  // of each kind
inline constexpr std::size_t kMostKeyFilters = 32;

enum class SourceKind : std::uint8_t { kConfigMap, kSecret };
std::string_view to_string(SourceKind kind);  // "ConfigMap", "Secret"

enum class SourceMode : std::uint8_t {
  kLive,    // a pod starts with what the object holds then
  kPinned,  // a pod starts with what the other pods run: the operator keeps a copy (pins.h)
};

// A named object of the policy's namespace.
struct Source {
  SourceKind kind = SourceKind::kConfigMap;
  std::string name;
  // Which of its keys count: exact names, or with '*' for any letters. Empty: all.
  std::vector<std::string> include_keys;
  std::vector<std::string> exclude_keys;  // win over include_keys
  SourceMode mode = SourceMode::kLive;
  bool may_copy = false;  // copy: true; of a Secret: without it, it cannot be pinned

  bool operator==(const Source&) const = default;
  bool is_pinned() const { return mode == SourceMode::kPinned; }

  std::string text() const { return std::string(to_string(kind)) + "/" + name; }  // "ConfigMap/shop-config"
  bool counts(std::string_view key) const;
};

struct Schedule {
  std::string cron;                // five fields: minute hour day-of-month month day-of-week
  std::string time_zone = "UTC";   // of the IANA database
  Seconds starting_deadline{600};  // a time that was missed by more is left out; 1..86400
};

struct Triggers {
  std::vector<Source> sources;  // ConfigMaps, then Secrets
  Seconds quiet_period{5};      // without a change, before the reload; 0..3600
  Seconds max_wait{60};         // from the first change, however many follow; 1..86400
  std::optional<Schedule> schedule;
  bool honors_reloader = false;  // sources that the workload names by annotations of Stakater Reloader count too
};

bool has_pinned(const Triggers& triggers);

}  // namespace sidestep::policy
