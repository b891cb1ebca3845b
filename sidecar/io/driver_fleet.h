// What is known of each generation's process, beside what the state machine needs: address, pid, times, hash.
//
// Facts only; decides nothing. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/policy/spec.h"
#include "sidecar/core/generations.h"
#include "sidecar/io/driver_ports.h"
#include "sidecar/io/launcher_link.h"

namespace sidestep::sidecar {

struct Facts {
  AppAddress address;  // empty until it is known (listen: socket)
  int pid = 0;         // as the launcher sees it; 0: attached, or not running
  WallTime started_at;
  TimePoint spawned_at{};
  bool is_ready = false;
  std::string config_hash;
  Generation config_of = Generation::kNone;
  std::vector<Listening> listening_before;  // sockets that were there before it was spawned
  bool hint_given = false;
  bool is_attached = false;  // somebody else started it
};

class Fleet {
 public:
  Facts& add(Generation generation, Facts facts) { return facts_[generation] = std::move(facts); }
  Facts* find(Generation generation);
  const Facts* find(Generation generation) const;
  AppAddress address_of(Generation generation) const;
  std::vector<std::uint16_t> ports() const;
  void keep_only(const std::vector<Generation>& generations);

 private:
  std::map<Generation, Facts> facts_;
};

bool is_known(const AppAddress& address);

// The order for the launcher: {port} and {generation} are filled in here, {socket} and {config} by the
// launcher.
SpawnOrder make_order(const Member& member, std::uint16_t port, const policy::PolicySpec& policy);
std::vector<ConfigPath> config_paths(const policy::PolicySpec& policy);

}  // namespace sidestep::sidecar
