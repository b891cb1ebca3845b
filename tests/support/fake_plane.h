// A data plane without sockets: keeps the tables that were published, and returns the counters that the test
// sets.
#pragma once

#include <utility>
#include <vector>

#include "sidecar/io/plane.h"

namespace sidestep::sidecar {

class FakePlane final : public Plane {
 public:
  void start(std::vector<int>, RouteTablePtr first) override { tables.push_back(std::move(first)); }
  void publish(RouteTablePtr table) override { tables.push_back(std::move(table)); }
  std::optional<ShardCounters> fresh_counters() override {
    if (!answers) return std::nullopt;
    return counted;
  }
  ShardCounters latest_counters() const override { return counted; }
  void reset_hold_mark() override { counted.longest_hold_reload_us = 0; }
  void stop() override { is_stopped = true; }

  const RouteTable& table() const { return *tables.back(); }
  Generation active() const { return table().active ? table().active->generation : Generation::kNone; }
  GenerationCounters& of(Generation generation) {
    for (GenerationCounters& one : counted.generations) {
      if (one.generation == generation) return one;
    }
    counted.generations.emplace_back().generation = generation;
    return counted.generations.back();
  }

  std::vector<RouteTablePtr> tables;
  ShardCounters counted;
  bool is_stopped = false;
  bool answers = true;  // in time
};

}  // namespace sidestep::sidecar
