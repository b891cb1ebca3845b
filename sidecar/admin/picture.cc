#include "sidecar/admin/picture.h"

namespace sidestep::sidecar {
namespace {

std::string text(const std::optional<WallTime>& time) { return time ? format_time(*time) : ""; }

wire::Generation generation_of(const GenerationView& view) {
  wire::Generation g;
  g.generation = number(view.generation);
  g.pid = view.pid;
  g.address = to_string(view.address);
  g.started_at = format_time(view.started_at);
  g.requests = view.requests;
  g.in_flight = view.in_flight;
  g.errors = view.errors;
  g.weight_per_ten_thousand = view.weight_per_ten_thousand;
  g.ready = view.ready;
  g.config_hash = view.config_hash;
  g.restarts = view.restarts;
  return g;
}

wire::Receipt receipt_of(const Receipt& receipt) {
  wire::Receipt r;
  r.requests = receipt.requests;
  r.held = receipt.held;
  r.retried = receipt.retried;
  r.failed = receipt.failed;
  r.longest_hold_ms = receipt.longest_hold.count();
  r.connections_cut = receipt.connections_cut;
  r.tunnels_told = receipt.tunnels_told;
  r.start_ms = receipt.start.count();
  r.judge_ms = receipt.judge.count();
  r.drain_ms = receipt.drain.count();
  r.total_ms = receipt.total.count();
  r.overhead_ms = receipt.overhead.count();
  return r;
}

wire::Judged judged_of(const policy::Sample& sample) {
  return {sample.requests, sample.errors, sample.latency};
}

wire::Reload reload_of(const ReloadView& view) {
  wire::Reload r;
  r.id = view.id;
  r.token = view.token;
  r.policy_uid = view.policy_uid;
  r.phase = to_string(view.phase);
  r.reason = to_string(view.reason);
  r.message = view.message;
  r.requested_by = view.requested_by;
  r.asked_reason = view.asked_reason;
  r.generation = number(view.generation);
  r.step = view.step;
  r.steps = view.steps;
  r.weight_per_ten_thousand = view.weight_per_ten_thousand;
  r.managed = view.managed;
  r.started_at = format_time(view.started_at);
  r.ready_at = text(view.ready_at);
  r.ended_at = text(view.ended_at);
  if (view.exit) r.exit = wire::Exit{view.exit->status, view.exit->signal};
  r.output = view.output;
  r.receipt = receipt_of(view.receipt);
  r.judged_active = judged_of(view.judged_active);
  r.judged_candidate = judged_of(view.judged_candidate);
  return r;
}

}  // namespace

wire::Status status_of(const Snapshot& snapshot, const std::string& reload) {
  wire::Status s;
  s.version = SIDESTEP_VERSION;
  s.boot_id = snapshot.boot_id;
  s.pod_uid = snapshot.pod_uid;
  s.phase = to_string(snapshot.phase);
  s.paused = snapshot.paused;
  s.listening = snapshot.listening;
  s.launcher_connected = snapshot.launcher_connected;
  s.ready = snapshot.ready;
  s.not_ready_why = snapshot.not_ready_why;
  s.held = snapshot.held;
  if (snapshot.active) s.active = generation_of(*snapshot.active);
  if (snapshot.candidate) s.candidate = generation_of(*snapshot.candidate);
  for (const GenerationView& view : snapshot.retiring) s.retiring.push_back(generation_of(view));
  if (const ReloadView* view = find_reload(snapshot, reload)) s.reload = reload_of(*view);
  s.warnings = snapshot.warnings;
  if (const UpgradeView& upgrade = snapshot.upgrade; upgrade.id != 0) {
    const std::string phase = !upgrade.has_ended ? "Running" : upgrade.succeeded ? "Succeeded" : "Failed";
    s.upgrade = wire::Upgrade{upgrade.id, phase, upgrade.message};
  }
  s.old_workers = snapshot.old_workers;
  return s;
}

std::vector<wire::Decision> decisions_of(const Snapshot& snapshot) {
  std::vector<wire::Decision> decisions;
  decisions.reserve(snapshot.decisions->size());
  for (const Decision& d : *snapshot.decisions) decisions.push_back({format_time(d.time), d.what, d.why});
  return decisions;
}

}  // namespace sidestep::sidecar
