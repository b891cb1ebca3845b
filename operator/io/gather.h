// Cluster reads → Observed: fills in everything that one decision may look at, from the caches and the
// sidecars. Decides nothing and writes nothing. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "operator/core/observed.h"
#include "operator/io/sidecar_book.h"
#include "operator/io/world.h"
#include "operator/io/write_ledger.h"

namespace sidestep::op {

class Gatherer {
 public:
  Gatherer(const World& world, SidecarBook& book, WriteLedger& ledger, const Clock& clock,
           std::string version)
      : world_(world), book_(book), ledger_(ledger), clock_(clock), version_(std::move(version)) {}

  // Nothing: the caches are behind our own writes; look again shortly. `policy_key` is "namespace/name".
  std::optional<Observed> gather(const std::string& policy_key);

 private:
  bool is_behind(const Observed& observed);
  void add_workload(Observed& observed) const;
  void add_pods(Observed& observed) const;
  void add_rivals(Observed& observed) const;

  const World& world_;
  SidecarBook& book_;
  WriteLedger& ledger_;
  const Clock& clock_;
  const std::string version_;
};

}  // namespace sidestep::op
