// Plan → API calls and signed commands to sidecars, in the plan's order, stopping at the first that must be
// tried again: the next look decides anew from what is then true. Every write carries a precondition, and is
// made only while this process is sure to lead.
//
// What stands next to each other in the plan and is for pods is done for several pods at a time, in order for
// each of them; one pod's failure is not its neighbours'. Threads: any, one plan of a policy at a time (the
// work queue sees to that).
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "lib/k8s/bucket.h"
#include "lib/k8s/client.h"
#include "lib/k8s/events.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/io/analysis_desk.h"
#include "operator/io/left_copies.h"
#include "operator/io/pins.h"
#include "operator/io/sidecar_book.h"
#include "operator/io/write_ledger.h"

namespace sidestep::op {

enum class Applied {
  kAll,     // everything was done
  kAgain,   // something changed meanwhile: decide anew, soon
  kLater,   // something failed: back off, then decide anew
  kGiveUp,  // refused by the API for good: nothing is tried until something changes
};

struct ApplyResult {
  Applied what = Applied::kAll;
  std::string error;          // of the action that stopped the plan
  Millis not_before{0};       // of kAgain
  bool is_forbidden = false;  // of kGiveUp: 403; otherwise 400 or 422
};

class Applier {
 public:
  struct Parts {
    k8s::Client& client;
    k8s::EventRecorder& events;
    SidecarClient& sidecars;
    SidecarBook& book;
    WriteLedger& ledger;
    const Clock& clock;
    std::function<bool()> may_act;  // false: this process may no longer lead
    // The control port of the pod, as last observed; nothing when it is gone.
    std::function<std::optional<SidecarAddress>(const std::string& name_space, const PodRef&)> address;
    // Whether the Reload ("namespace/name") has a place in the budget; empty: there is no budget.
    std::function<bool(const std::string& reload)> may_start = {};
    // The Reload has a place, and the API server refuses its start for good.
    std::function<void(const std::string& reload)> cannot_start = {};
    PinKeeper* pins = nullptr;     // null: copies are not made
    AnalysisDesk* desk = nullptr;  // none: nobody is asked
    LeftCopies* left = nullptr;    // null: none is removed
  };
  explicit Applier(Parts parts) : parts_(std::move(parts)) {}

  ApplyResult apply(const Observed& observed, const Plan& plan);

 private:
  // One plan on its way.
  struct Run;
  // What the actions from `first` to before `end`, all of one company, came to: the first failure in the
  // plan's order.
  ApplyResult apply_at_once(Run& run, const std::vector<Action>& actions, std::size_t first, std::size_t end);
  // A plan was refused for good at its action `end`: the place that it took before is given back.
  void give_back(const Run& run, const std::vector<Action>& actions, std::size_t end) const;
  bool may_write_status(const std::string& key);

  Parts parts_;
  std::mutex mutex_;
  std::map<std::string, k8s::TokenBucket> status_writes_;  // by Reload; guarded by mutex_
};

}  // namespace sidestep::op
