// Cluster reads → Observed: fills in everything that one decision may look at, from the caches and the
// sidecars. Decides nothing and writes nothing. Remembers since when the sources of a policy have been
// changing. Threads: any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "operator/core/observed.h"
#include "operator/io/analysis_desk.h"
#include "operator/io/left_copies.h"
#include "operator/io/pins.h"
#include "operator/io/sidecar_book.h"
#include "operator/io/sources.h"
#include "operator/io/world.h"
#include "operator/io/write_ledger.h"

namespace sidestep::op {

class Gatherer {
 public:
  struct Parts {
    const World& world;
    SourceWatches& sources;
    SidecarBook& book;
    WriteLedger& ledger;
    const Clock& clock;
    std::function<std::string()> hash_key;  // of this installation; "" while it is not known
    Budget budget = {};
    PinKeeper* pins = nullptr;                     // null: nothing is known of copies
    const AnalysisDesk* desk = nullptr;            // none: nobody is asked
    std::vector<std::string> analysis_allow = {};  // addresses that may be called
    LeftCopies* left = nullptr;                    // null: nothing is known of these
  };
  Gatherer(Parts parts, std::string version)
      : parts_(std::move(parts)),
        world_(parts_.world),
        book_(parts_.book),
        ledger_(parts_.ledger),
        clock_(parts_.clock),
        version_(std::move(version)) {}

  // Nothing: the caches are behind our own writes; look again shortly. `policy_key` is "namespace/name".
  std::optional<Observed> gather(const std::string& policy_key);
  // So that the next gather() of a policy whose reload begins by then finds fresh answers. Blocks.
  void ask_sidecars(const api::ReloadPolicy& policy) const;

 private:
  bool is_behind(const Observed& observed);
  void add_workload(Observed& observed) const;
  void add_pods(Observed& observed) const;
  void add_rivals(Observed& observed) const;
  void add_others(Observed& observed) const;
  void add_dependencies(Observed& observed) const;
  // What annotations of the workload add counts as if the policy named it.
  void add_named_by_workload(Observed& observed) const;
  void add_disruptions(Observed& observed) const;
  void add_analysis(const std::string& policy_key, Observed& observed) const;
  void add_sources(const std::string& policy_key, Observed& observed);
  void add_left(Observed& observed) const;

  const Parts parts_;
  const World& world_;
  SidecarBook& book_;
  WriteLedger& ledger_;
  const Clock& clock_;
  const std::string version_;
  std::mutex mutex_;
  std::map<std::string, policy::Debounce> changes_;  // by policy; guarded by mutex_
};

}  // namespace sidestep::op
