// One shard's choice for each new stream: a generation, a place in the hold, or a refusal, by the newest
// route table.
//
// Also keeps the pools: one per generation that is in the table or still has something open, and tells the
// plane when a generation that left the table is idle here. Threads: its shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sidecar/core/retry_policy.h"
#include "sidecar/core/route_table.h"
#include "sidecar/core/weight_choice.h"
#include "sidecar/io/app_pool.h"
#include "sidecar/io/hold_queue.h"

namespace sidestep::sidecar {

class Router final {
 public:
  explicit Router(Shard& shard);
  ~Router();

  const RouteTable& table() const { return *table_; }
  // Older versions are ignored. What was held is routed when the table allows it.
  void apply(RouteTablePtr table);

  // Attaches, holds or rejects the stream.
  void route(Stream& stream);
  // False when the hold is full: the stream has been rejected.
  bool admit_to_hold(Stream& stream);
  HoldQueue& hold() { return hold_; }
  RetryBudget& retry_budget() { return retry_budget_; }

  bool is_candidate(Generation generation) const {
    return table_->candidate && table_->candidate->generation == generation;
  }
  // A client's connection has ended, of which the app was told by this PROXY header.
  void client_left(std::string_view introduction);
  // A pool has become idle: the table may be acknowledged now.
  void pool_changed() { acknowledge_due_ = true; }
  // Once per turn.
  void end_turn();
  // A few times a second.
  void tick(TimePoint now);
  // Adds the counters of every generation, present and past.
  void collect(ShardCounters& into) const;
  // Cuts every stream. Called when the shard ends.
  void shut();

 private:
  Stream* newest_held();
  AppPool* pool_of(const RouteEntry& entry);
  bool in_table(Generation generation) const;
  void retire_missing();
  void keep_counters(const AppPool& pool);

  Shard& shard_;
  RouteTablePtr table_;
  AppPool* active_ = nullptr;
  AppPool* candidate_ = nullptr;
  std::vector<std::unique_ptr<AppPool>> pools_;
  std::vector<GenerationCounters> past_;  // of generations without a pool; the newest 8
  HoldQueue hold_;
  RetryBudget retry_budget_;
  WeightChoice weight_;
  bool acknowledge_due_ = false;
};

}  // namespace sidestep::sidecar
