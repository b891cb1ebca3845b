// Which fields of the state machine's model and of the counters a worker hands to the one that replaces it
// (archive.h: a field is only ever added at the end). What the options say is not among them: the next worker
// has options of its own.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sidecar/core/archive.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/explain.h"
#include "sidecar/core/model.h"
#include "sidecar/core/route_table.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

template <typename A>
void fields(A& a, GenerationCounters& c) {
  a(c.generation, c.requests, c.by_code_class, c.by_outcome, c.latency, c.latency_sum_us, c.in_flight,
    c.tunnels_open, c.tunnels_cut, c.tunnels_told, c.retried_away, c.connects, c.connect_failures,
    c.by_grpc_code);
}
// By name: another program may have more limits, in another order.
template <typename A>
void fields(A& a, LimitHits& hits) {
  std::map<std::string, std::uint64_t> named;
  for (std::size_t i = 0; i < kLimitNames.size() && !A::kReads; ++i)
    named.emplace(kLimitNames[i], hits.of(static_cast<Limit>(i)));
  a(named);
  for (std::size_t i = 0; i < kLimitNames.size() && A::kReads; ++i)
    hits.set(static_cast<Limit>(i), named[std::string(kLimitNames[i])]);
}
template <typename A>
void fields(A& a, ShardCounters& c) {
  a(c.generations, c.without_generation, c.accepted, c.clients_open, c.held_now, c.held_bytes_now,
    c.held_total, c.longest_hold_us, c.longest_hold_reload_us, c.retried, c.requests, c.handshakes,
    c.handshakes_open, c.proxy_headers, c.proxy_headers_refused, c.limits, c.app_handshakes);
}

template <typename A>
void fields(A& a, AppAddress& address) {
  a(address.port, address.socket_path);
}
template <typename A>
void fields(A& a, RouteEntry& entry) {
  a(entry.generation, entry.address);
}
template <typename A>
void fields(A& a, Closing& c) {
  a(c.generation, c.tunnel_close_code, c.tunnels_until, c.requests_until);
}
template <typename A>
void fields(A& a, RouteTable& t) {
  a(t.version, t.active, t.candidate, t.candidate_weight, t.weight_seed, t.closing, t.hold, t.refuse,
    t.announce_close, t.stop_listening, t.release_by);
}

template <typename A>
void fields(A& a, ExitStatus& exit) {
  a(exit.status, exit.signal);
}
template <typename A>
void fields(A& a, Receipt& r) {
  a(r.requests, r.held, r.retried, r.failed, r.longest_hold, r.connections_cut, r.tunnels_told, r.start,
    r.judge, r.drain, r.total, r.overhead);
}
template <typename A>
void fields(A& a, ReloadView& v) {
  a(v.id, v.token, v.policy_uid, v.phase, v.reason, v.message, v.requested_by, v.asked_reason, v.generation,
    v.step, v.steps, v.weight_per_ten_thousand, v.managed, v.started_at, v.ready_at, v.ended_at, v.exit,
    v.output, v.receipt);
}
template <typename A>
void fields(A& a, VerdictCount& v) {
  a(v.phase, v.reason, v.count);
}
template <typename A>
void fields(A& a, Decision& d) {
  a(d.time, d.what, d.why);
}

template <typename A>
void fields(A& a, Recipe& r) {
  a(r.command, r.env, r.attach);
}
template <typename A>
void fields(A& a, Member& m) {
  a(m.generation, m.recipe, m.snapshot_of, m.restarts);
}
template <typename A>
void fields(A& a, Active& active) {
  a(active.member, active.life, active.restart_at, active.ready_by, active.last_exit, active.is_alone);
}
template <typename A>
void fields(A& a, Retiring& r) {
  a(r.member, r.because, r.closing, r.give_up_at, r.warm_until, r.idle, r.signalled);
}
template <typename A>
void fields(A& a, Leaving& l) {
  a(l.generation, l.until);
}
template <typename A>
void fields(A& a, Generations& g) {
  a(g.last, g.active, g.retiring, g.leaving);
}

// As text: the next worker may know more of it than this one.
PolicyPtr policy_from(const std::string& text);
std::string text_of(const PolicyPtr& policy);
template <typename A>
void fields(A& a, PolicyPtr& policy) {
  std::string text = A::kReads ? std::string() : text_of(policy);
  a(text);
  if constexpr (A::kReads) policy = policy_from(text);
}

template <typename A>
void fields(A& a, Run& r) {
  a(r.view, r.candidate, r.policy, r.hold, r.rescue, r.deadline, r.seed, r.asked_at, r.spawned_at, r.ready_at,
    r.promoted_at, r.is_paused, r.paused_at);
}
template <typename A>
void fields(A&, Serving&) {}
template <typename A>
void fields(A&, Holding&) {}
template <typename A>
void fields(A& a, Starting& s) {
  a(s.run, s.stage, s.give_up_at, s.hint, s.hint_reason);
}
template <typename A>
void fields(A& a, Judging& j) {
  a(j.run, j.step, j.weight, j.due, j.awaits_verdict, j.give_up_at, j.silent_at, j.judgement.verdict,
    j.judgement.why);
}
template <typename A>
void fields(A& a, Draining& d) {
  a(d.run, d.previous);
}
template <typename A>
void fields(A& a, RollingBack& r) {
  a(r.run);
}
template <typename A>
void fields(A& a, ShutdownPlan& p) {
  a(p.endpoints_grace, p.quiet_by, p.drained_by, p.stopped_by, p.end);
}
template <typename A>
void fields(A& a, Stopping& s) {
  a(s.because, s.stage, s.plan, s.requests_seen, s.last_request_at, s.quits_when_done, s.exit, s.clients_seen,
    s.release_by);
}
template <typename A>
void fields(A& a, RestartPolicy& policy) {
  policy.archive(a);
}

// All but the settings, which follow from the options.
template <typename A>
void fields(A& a, Model& m) {
  a(m.policy, m.policy_uid, m.generations, m.restarts, m.restart_count, m.state, m.ended, m.random,
    m.runs_begun, m.launcher_up, m.launcher_lost_at, m.app_term_at, m.awaits_container, m.snapshots);
}

}  // namespace sidestep::sidecar
