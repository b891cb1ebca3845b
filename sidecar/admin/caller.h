// May this caller start a reload? Calls of CI systems and people over TCP, signed with a shared key
// (docs/contracts.md, "Signed calls"). Refuses what is not signed, too old or too new, seen before, made
// before this process began (it remembers no older nonces), and more than a few a minute.
//
// Keys are the files of one folder, read when a call comes and again as they change: the old and the new one
// while one replaces the other. Threads: any.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/policy/call_signature.h"
#include "lib/policy/signature.h"
#include "sidecar/admin/auth.h"

namespace sidestep::sidecar {

class CallerRule {
 public:
  // An empty folder: nobody may call.
  explicit CallerRule(std::string keys_dir) : keys_dir_(std::move(keys_dir)) {}

  // REQUIRES: the call came over TCP. `began`: when this process started.
  std::optional<Refusal> judge(const Call& call, WallTime began, const Clock& clock);

  static constexpr std::size_t kMostKeys = 4;

 private:
  void read_keys(TimePoint now);

  const std::string keys_dir_;
  std::mutex mutex_;  // guards all below
  std::vector<std::string> keys_;
  std::optional<TimePoint> read_at_;
  policy::ReplayGuard replays_{{.window = Millis{60'000}, .memory = Millis{120'000}, .most_nonces = 4096}};
  policy::CallRate rate_;
};

}  // namespace sidestep::sidecar
