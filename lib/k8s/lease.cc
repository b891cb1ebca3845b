#include "lib/k8s/lease.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"
#include "lib/k8s/pause.h"
#include "lib/k8s/time.h"

namespace sidestep::k8s {
namespace {

constexpr const char* kEpochAnnotation = "sidestep.dev/epoch";

Millis spread(Millis retry, double random, double jitter) {
  return Millis(static_cast<Millis::rep>(static_cast<double>(retry.count()) * (1 + random * jitter)));
}

std::int64_t next_epoch(std::int64_t last, WallTime wall) {
  const auto millis = std::chrono::duration_cast<Millis>(wall.time_since_epoch()).count();
  return std::max<std::int64_t>(last + 1, millis);
}

bool is_lost(const LeaseState& state, TimePoint now, const LeaseLimits& limits) {
  return state.leading && now - state.renewed_at >= limits.renew_deadline;
}

LeaseRecord claim(const LeaseState& state, WallTime wall, const LeaseLimits& limits) {
  LeaseRecord record = state.seen;
  record.duration = limits.duration;
  if (state.leading) return record;
  const bool is_new = record.version.empty();
  if (!is_new && record.holder != state.identity) ++record.transitions;
  record.holder = state.identity;
  record.epoch = next_epoch(record.epoch, wall);
  return record;
}

}  // namespace

// leading | read failed        | no lease      | held by us | free, or expired | held by another
// no      | wait               | write (claim) | write      | write (claim)    | wait
// yes     | wait, lost if late | lost          | renew      | lost             | lost
LeaseStep on_lease_read(LeaseState state, const std::optional<LeaseRecord>& read, TimePoint now,
                        WallTime wall, double random, const LeaseLimits& limits) {
  const Millis delay = spread(limits.retry, random, limits.jitter);
  if (is_lost(state, now, limits)) return {std::move(state), LeaseDo::kLost, {}, Millis{0}};
  if (!read) return {std::move(state), LeaseDo::kNothing, {}, delay};
  if (*read != state.seen || state.seen_at == TimePoint{}) {
    state.seen = *read;
    state.seen_at = now;
  }
  const bool ours = read->holder == state.identity;
  if (state.leading && !ours) return {std::move(state), LeaseDo::kLost, {}, Millis{0}};
  const Millis promised = read->duration.count() > 0 ? read->duration : limits.duration;
  const bool is_free = read->version.empty() || read->holder.empty() || now - state.seen_at >= promised;
  if (!ours && !is_free) return {std::move(state), LeaseDo::kNothing, {}, delay};
  LeaseRecord record = claim(state, wall, limits);
  return {std::move(state), LeaseDo::kWrite, std::move(record), delay};
}

LeaseStep on_lease_written(LeaseState state, const std::optional<LeaseRecord>& written, TimePoint began,
                           TimePoint now, double random, const LeaseLimits& limits) {
  const Millis delay = spread(limits.retry, random, limits.jitter);
  if (is_lost(state, now, limits)) return {std::move(state), LeaseDo::kLost, {}, Millis{0}};
  // An answer that does not say that the lease is ours is none: somebody else may have given it.
  const bool is_ours = written && written->holder == state.identity;
  if (!is_ours) return {std::move(state), LeaseDo::kNothing, {}, delay};
  if (!state.leading) state.epoch = written->epoch;
  state.leading = true;
  state.seen = *written;
  state.seen_at = now;
  state.renewed_at = began;
  return {std::move(state), LeaseDo::kNothing, {}, delay};
}

LeaseRecord lease_from_json(const Json& lease) {
  LeaseRecord record;
  const Json& spec = field(lease, "spec");
  const Json& metadata = field(lease, "metadata");
  record.holder = text_field(spec, "holderIdentity");
  record.transitions = number_field(spec, "leaseTransitions");
  record.duration = Millis(number_field(spec, "leaseDurationSeconds") * 1000);
  record.version = text_field(metadata, "resourceVersion");
  record.uid = text_field(metadata, "uid");
  record.epoch =
      std::strtoll(text_field(field(metadata, "annotations"), kEpochAnnotation).c_str(), nullptr, 10);
  return record;
}

Json lease_to_json(const std::string& name_space, const std::string& name, const LeaseRecord& record,
                   bool is_new_holder, WallTime now) {
  Json spec = {{"holderIdentity", record.holder.empty() ? Json() : Json(record.holder)},
               {"leaseDurationSeconds", std::max<std::int64_t>(1, record.duration.count() / 1000)},
               {"leaseTransitions", record.transitions},
               {"renewTime", micro_time(now)}};
  if (is_new_holder) spec["acquireTime"] = micro_time(now);
  Json metadata = {{"name", name},
                   {"namespace", name_space},
                   {"annotations", {{kEpochAnnotation, std::to_string(record.epoch)}}}};
  if (!record.version.empty()) metadata["resourceVersion"] = record.version;
  return {
      {"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"}, {"metadata", metadata}, {"spec", spec}};
}

LeaseKeeper::LeaseKeeper(Client& client, const Clock& clock, std::string name_space, std::string name,
                         std::string identity, LeaseLimits limits)
    : client_(client),
      clock_(clock),
      ref_{{"coordination.k8s.io/v1", "leases"}, std::move(name_space), std::move(name)},
      limits_(limits),
      random_(std::random_device{}()) {
  state_.identity = std::move(identity);
}

double LeaseKeeper::random() { return std::uniform_real_distribution<double>(0, 1)(random_); }

bool LeaseKeeper::may_act(TimePoint now) const {
  return leading_ && now - TimePoint(TimePoint::duration(renewed_at_.load())) < limits_.renew_deadline;
}

std::string LeaseKeeper::lease_uid() const {
  const std::lock_guard lock(mutex_);
  return uid_;
}

std::optional<LeaseRecord> LeaseKeeper::read() {
  auto lease = client_.get(ref_);
  if (lease) {
    LeaseRecord record = lease_from_json(*lease);
    if (!record.version.empty()) return record;
    log::warn("cannot read the lease", {{"error", "the answer is none"}});
    return std::nullopt;
  }
  if (lease.error().kind == ErrorKind::kNotFound) return LeaseRecord{};
  log::warn("cannot read the lease", {{"error", lease.error().detail}});
  return std::nullopt;
}

std::optional<LeaseRecord> LeaseKeeper::write(const LeaseRecord& record) {
  const Json lease = lease_to_json(ref_.name_space, ref_.name, record, !state_.leading, clock_.wall());
  auto stored = record.version.empty() ? client_.create({ref_.resource, ref_.name_space, {}}, lease)
                                       : client_.merge_patch(ref_, lease);
  if (stored) return lease_from_json(*stored);
  log::info("cannot write the lease", {{"error", stored.error().detail}});
  return std::nullopt;
}

LeaseStep LeaseKeeper::look() {
  const auto seen = read();
  LeaseStep step = on_lease_read(state_, seen, clock_.steady(), clock_.wall(), random(), limits_);
  state_ = step.next;
  if (step.what == LeaseDo::kWrite) {
    const TimePoint before =
        clock_.steady();  // others count from what they see, which may be as early as this
    const auto written = write(step.record);
    step = on_lease_written(state_, written, before, clock_.steady(), random(), limits_);
    state_ = step.next;
  }
  if (state_.leading && step.what != LeaseDo::kLost) {
    const std::lock_guard lock(mutex_);
    uid_ = state_.seen.uid;
    epoch_ = state_.epoch;
    renewed_at_ = state_.renewed_at.time_since_epoch().count();
  }
  leading_ = state_.leading && step.what != LeaseDo::kLost;
  return step;
}

bool LeaseKeeper::acquire(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const LeaseStep step = look();
    if (leading_) {
      log::info("became leader", {{"lease", ref_.name}, {"epoch", state_.epoch}});
      return true;
    }
    pause_for(step.delay, stop);
  }
  return false;
}

bool LeaseKeeper::keep(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const LeaseStep step = look();
    if (step.what == LeaseDo::kLost) {
      log::error("lost the lease", {{"lease", ref_.name}, {"holder", state_.seen.holder}});
      return false;
    }
    pause_for(step.delay, stop);
  }
  return true;
}

void LeaseKeeper::release() {
  if (!state_.leading) return;
  LeaseRecord record = state_.seen;
  record.holder.clear();
  record.duration = Millis{1000};
  write(record);
  state_.leading = false;
  leading_ = false;
}

}  // namespace sidestep::k8s
