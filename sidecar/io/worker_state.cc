#include "sidecar/io/worker_state.h"

#include "sidecar/core/model_fields.h"

namespace sidestep::sidecar {

template <typename A>
void fields(A& a, Listening& socket) {
  a(socket.port, socket.any_address, socket.inode);
}
template <typename A>
void fields(A& a, Facts& f) {
  a(f.address, f.pid, f.started_at, f.spawned_at, f.is_ready, f.config_hash, f.config_of, f.listening_before,
    f.hint_given, f.is_attached);
}
template <typename A>
void fields(A& a, Warning& w) {
  a(w.about, w.text, w.until_ready);
}
template <typename A>
void fields(A& a, Remembered& r) {
  a(r.boot_id, r.serial, r.warnings, r.receipts, r.at_run_start, r.verdicts, r.launcher_refused, r.has_served,
    r.holding_since);
}
template <typename A>
void fields(A& a, DriverState& s) {
  a(s.model, s.fleet, s.remembered, s.decisions, s.routes_version, s.closing_since, s.serial, s.record,
    s.policy_text, s.at_judging, s.snapshots, s.unchecked, s.is_booted, s.is_first_launcher);
}
template <typename A>
void fields(A& a, LauncherState& s) {
  a(s.token, s.was_given, s.is_up, s.unread, s.unsent, s.refused, s.pinned, s.features);
}
template <typename A>
void fields(A& a, TicketKeys& t) {
  a(t.keys, t.renew_at);
}
template <typename A>
void fields(A& a, WorkerState& s) {
  a(s.driver, s.launcher, s.gone, s.older, s.control, s.tickets);
}

}  // namespace sidestep::sidecar

namespace sidestep::front {

template <typename A>
void fields(A& a, TicketKey& k) {
  a(k.name, k.cipher, k.mac);
}

}  // namespace sidestep::front

namespace sidestep::sidecar {

namespace {

template <typename T>
std::string archived(const T& value) {
  ArchiveWriter writer;
  writer(value);
  return writer.take();
}

template <typename T>
std::optional<T> unarchived(std::string_view bytes) {
  T value;
  ArchiveReader reader(bytes);
  reader(value);
  if (bytes.empty() || !reader.is_good()) return std::nullopt;
  return value;
}

}  // namespace

std::string encode(const WorkerState& state) { return archived(state); }

std::optional<WorkerState> decode_worker_state(std::string_view bytes) {
  auto state = unarchived<WorkerState>(bytes);
  if (!state || state->driver.model.policy == nullptr) return std::nullopt;
  const Run* run = run_of(state->driver.model.state);
  if (run != nullptr && run->policy == nullptr) return std::nullopt;
  return state;
}

std::string encode(const RouteTable& table) { return archived(table); }
std::optional<RouteTable> decode_routes(std::string_view bytes) { return unarchived<RouteTable>(bytes); }
std::string encode(const ShardCounters& counters) { return archived(counters); }
std::optional<ShardCounters> decode_counters(std::string_view bytes) {
  return unarchived<ShardCounters>(bytes);
}

}  // namespace sidestep::sidecar
