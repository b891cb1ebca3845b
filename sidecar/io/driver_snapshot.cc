#include "sidecar/io/driver_snapshot.h"

namespace sidestep::sidecar {

namespace {

GenerationView view_of(const Member& member, int weight, const Fleet& fleet, const ShardCounters& counters) {
  GenerationView view;
  view.generation = member.generation;
  view.restarts = member.restarts;
  view.weight_per_ten_thousand = weight;
  if (const Facts* facts = fleet.find(member.generation)) {
    view.pid = facts->pid;
    view.address = facts->address;
    view.started_at = facts->started_at;
    view.ready = facts->is_ready;
    view.config_hash = facts->config_hash;
  }
  for (const GenerationCounters& counted : counters.generations) {
    if (counted.generation != member.generation) continue;
    view.requests = counted.requests;
    view.in_flight = counted.in_flight;
    view.errors = counted.errors();
  }
  return view;
}

// Durations were measured by the machine; what happened is counted by the shards.
void add_counts(Receipt& receipt, const Receipt& counted) {
  receipt.requests = counted.requests;
  receipt.held = counted.held;
  receipt.retried = counted.retried;
  receipt.failed = counted.failed;
  receipt.longest_hold = counted.longest_hold;
  receipt.connections_cut = counted.connections_cut;
  receipt.tunnels_told = counted.tunnels_told;
}

ReloadView ended_view(const ReloadView& view, const Remembered& remembered) {
  ReloadView copy = view;
  if (const auto it = remembered.receipts.find(view.id); it != remembered.receipts.end()) {
    add_counts(copy.receipt, it->second);
  }
  return copy;
}

void add_generations(Snapshot& snapshot, const Model& model, const Fleet& fleet,
                     const ShardCounters& counters) {
  const Generations& generations = model.generations;
  const auto* judging = std::get_if<Judging>(&model.state);
  const auto* starting = std::get_if<Starting>(&model.state);
  const int weight = judging != nullptr ? judging->weight : 0;
  const Active& active = generations.active;
  const bool lives = active.life == ActiveLife::kUp || active.life == ActiveLife::kStarting;
  if (lives) {
    const int share = active.life == ActiveLife::kUp ? policy::kWholeWeight - weight : 0;
    snapshot.active = view_of(active.member, share, fleet, counters);
  }
  const Run* run = run_of(model.state);
  const bool has_candidate = judging != nullptr || starting != nullptr;
  if (has_candidate && run->candidate.generation != Generation::kNone) {
    snapshot.candidate = view_of(run->candidate, weight, fleet, counters);
  }
  for (const Retiring& retiring : generations.retiring) {
    GenerationView view = view_of(retiring.member, 0, fleet, counters);
    // At the end active is drained like any other, and is still the active one for whoever asks.
    if (retiring.because == RetiredBecause::kStopping && !snapshot.active)
      snapshot.active = std::move(view);
    else
      snapshot.retiring.push_back(std::move(view));
  }
}

// Deletion marks a pod's endpoints by itself; failing the probe as well would take away kube-proxy's last
// resort. So readiness stays true at a pod's end, and is withdrawn first everywhere else.
std::string why_not_ready(const Model& model, const Remembered& remembered, const Snapshot& snapshot,
                          TimePoint now) {
  if (!remembered.listening) return "the listeners are not open yet";
  if (const auto* stopping = std::get_if<Stopping>(&model.state)) {
    return stopping->because == StopBecause::kPodEnds ? std::string() : "stopping";
  }
  if (model.generations.active.life == ActiveLife::kUp) return {};
  if (!remembered.has_served) return "the app is being started";
  const policy::Hold& hold = model.policy->hold;
  if (snapshot.held >= static_cast<std::uint64_t>(hold.max_requests))
    return "requests are held, and the hold is full";
  if (now - remembered.holding_since >= hold.timeout)
    return "requests are held, and the time for that is over";
  return {};
}

}  // namespace

Snapshot make_snapshot(const Model& model, const Fleet& fleet, const Remembered& remembered,
                       const ShardCounters& counters, const DecisionLog& decisions, TimePoint now) {
  Snapshot snapshot;
  snapshot.serial = remembered.serial;
  snapshot.boot_id = remembered.boot_id;
  snapshot.pod_uid = remembered.pod_uid;
  snapshot.phase = phase_of(model);
  snapshot.held = counters.held_now;
  add_generations(snapshot, model, fleet, counters);
  for (const ReloadView& view : model.ended) snapshot.ended.push_back(ended_view(view, remembered));
  if (const Run* run = run_of(model.state)) {
    snapshot.paused = run->is_paused;
    snapshot.reload = run->view;
    add_counts(snapshot.reload->receipt, receipt_between(remembered.at_run_start, counters));
  } else if (!snapshot.ended.empty()) {
    snapshot.reload = snapshot.ended.back();
  }
  for (const Warning& warning : remembered.warnings) snapshot.warnings.push_back(warning.text);
  snapshot.listening = remembered.listening;
  snapshot.launcher_connected = remembered.launcher_connected;
  snapshot.launcher_refused = remembered.launcher_refused;
  snapshot.not_ready_why = why_not_ready(model, remembered, snapshot, now);
  snapshot.ready = snapshot.not_ready_why.empty();
  snapshot.counters = counters;
  snapshot.verdicts = remembered.verdicts;
  snapshot.restarts = model.restart_count;
  snapshot.decisions = decisions.view();
  snapshot.upgrade = remembered.upgrade;
  snapshot.old_workers = remembered.old_workers;
  return snapshot;
}

}  // namespace sidestep::sidecar
