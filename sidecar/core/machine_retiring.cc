// Generations that take no new streams: drained, kept warm, stopped, forgotten.
#include <algorithm>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kMargin{
    1'000};  // between the cut of the last stream and the signal, if the plane stays silent
constexpr Seconds kCloseHandshake{10};  // a client that was told has so long to answer a Close frame

Closing closing_of(Generation generation, RetiredBecause because, const policy::Drain& drain, TimePoint now) {
  Closing closing;
  closing.generation = generation;
  if (because == RetiredBecause::kTakenBack) {
    closing.tunnel_close_code = 1012;
    closing.tunnels_until = closing.requests_until = now + drain.rollback_drain;
    return closing;
  }
  closing.requests_until = now + drain.http_timeout;
  if (drain.web_socket == policy::WebSocketDrain::kCloseWith) {
    closing.tunnel_close_code = drain.web_socket_close_code;
    closing.tunnels_until = now + std::min(drain.web_socket_timeout, kCloseHandshake);
  } else {
    closing.tunnels_until = now + drain.web_socket_timeout;
  }
  return closing;
}

void signal(Turn& turn, Retiring& retiring) {
  if (retiring.signalled) return;
  retiring.signalled = true;
  turn.effects.emplace_back(Stop{retiring.member.generation, turn.model.policy->shutdown.app_stop});
}

void review(Turn& turn, Retiring& retiring) {
  const bool finished = retiring.idle && turn.now.at >= retiring.warm_until;
  const bool late = turn.now.at >= retiring.give_up_at && turn.now.at >= retiring.warm_until;
  if (finished || late) signal(turn, retiring);
}

}  // namespace

void retire(Turn& turn, const Member& member, RetiredBecause because, const policy::Drain& drain) {
  Retiring retiring;
  retiring.member = member;
  retiring.because = because;
  retiring.closing = closing_of(member.generation, because, drain, turn.now.at);
  retiring.give_up_at = std::max(*retiring.closing.requests_until, *retiring.closing.tunnels_until) + kMargin;
  retiring.warm_until = turn.now.at;
  turn.generations().retiring.push_back(std::move(retiring));
}

void stop_at_once(Turn& turn, const Member& member, RetiredBecause because) {
  Retiring retiring;
  retiring.member = member;
  retiring.because = because;
  retiring.closing.generation = member.generation;
  retiring.closing.tunnels_until = retiring.closing.requests_until = turn.now.at;
  retiring.give_up_at = retiring.warm_until = turn.now.at;
  turn.generations().retiring.push_back(std::move(retiring));
  signal(turn, turn.generations().retiring.back());
}

void close_oldest(Turn& turn, const policy::Drain& drain) {
  std::size_t draining = turn.generations().draining();
  for (Retiring& retiring : turn.generations().retiring) {
    if (draining <= static_cast<std::size_t>(drain.max_retiring)) return;
    if (retiring.signalled) continue;
    const TimePoint until = turn.now.at + drain.rollback_drain;
    Closing& closing = retiring.closing;
    if (closing.tunnel_close_code == 0) closing.tunnel_close_code = drain.web_socket_close_code;
    closing.tunnels_until = std::min(*closing.tunnels_until, until);
    closing.requests_until = std::min(*closing.requests_until, until);
    retiring.give_up_at = std::min(retiring.give_up_at, until + kMargin);
    retiring.warm_until = turn.now.at;
    turn.note(describe(retiring.member.generation) + " is closed",
              "drain.maxRetiring: " + std::to_string(drain.max_retiring));
    --draining;
    if (retiring.idle) signal(turn, retiring);
  }
}

void handle_retiring(Turn& turn, const Event& event, const State& state) {
  Generations& all = turn.generations();
  if (const auto* idle = as<Idle>(event)) {
    if (Retiring* retiring = all.find_retiring(idle->generation)) retiring->idle = true;
  }
  if (const auto* exited = as<Exited>(event)) {
    all.remove(exited->generation);
    if (exited->gone_follows) all.leave(exited->generation, turn.now.at + turn.model.settings.gone_wait);
  }
  const auto* gone = as<Gone>(event);
  std::erase_if(all.leaving, [&](const Leaving& leaving) {
    return turn.now.at >= leaving.until || (gone != nullptr && gone->generation == leaving.generation);
  });
  if (const auto* failed = as<SpawnFailed>(event)) all.remove(failed->generation);
  if (std::holds_alternative<Stopping>(state)) return;  // its plan says when they are signalled
  for (Retiring& retiring : all.retiring) review(turn, retiring);
}

void forget_unused_snapshots(Turn& turn, const State& state) {
  const auto uses = [](const Member& member, Generation snapshot) {
    return member.generation == snapshot || member.snapshot_of == snapshot;
  };
  const auto is_used = [&](Generation snapshot) {
    if (uses(turn.active().member, snapshot)) return true;
    if (const Run* run = run_of(state); run != nullptr && uses(run->candidate, snapshot)) return true;
    const auto& retiring = turn.generations().retiring;
    return std::any_of(retiring.begin(), retiring.end(),
                       [&](const Retiring& r) { return uses(r.member, snapshot); });
  };
  std::erase_if(turn.model.snapshots, [&](Generation snapshot) {
    if (is_used(snapshot)) return false;
    turn.effects.emplace_back(ForgetSnapshot{snapshot});
    return true;
  });
}

}  // namespace sidestep::sidecar
