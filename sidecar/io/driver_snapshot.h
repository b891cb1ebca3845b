// Makes the picture that status and metrics are drawn from. Pure: model, facts and counters in, Snapshot out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sidecar/core/explain.h"
#include "sidecar/core/model.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/driver_fleet.h"

namespace sidestep::sidecar {

// Shown as long as the generation that it is about is there.
struct Warning {
  Generation about = Generation::kNone;
  std::string text;
  bool until_ready = false;  // it says why the generation is not
};

// What the driver remembers beside the model.
struct Remembered {
  std::string boot_id;
  std::string pod_uid;
  std::uint64_t serial = 0;
  std::vector<Warning> warnings;            // oldest first
  std::map<std::string, Receipt> receipts;  // of ended reloads, by id
  ShardCounters at_run_start;               // of the running one
  std::vector<VerdictCount> verdicts;
  bool listening = false;
  bool launcher_connected = false;
  std::uint64_t launcher_refused = 0;
  bool has_served = false;    // active was up at least once
  TimePoint holding_since{};  // of Holding
  UpgradeView upgrade;
  std::uint64_t old_workers = 0;
};

Snapshot make_snapshot(const Model& model, const Fleet& fleet, const Remembered& remembered,
                       const ShardCounters& counters, const DecisionLog& decisions, TimePoint now);

}  // namespace sidestep::sidecar
