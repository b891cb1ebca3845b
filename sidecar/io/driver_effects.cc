// The driver's hands: effects, and what must follow from the model.
#include <algorithm>

#include "lib/base/log.h"
#include "sidecar/io/driver.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kMeasureEvery{100};
constexpr Millis kLookEvery{200};
constexpr Millis kBeforeQuit{20};  // what was sent to launcher and callers gets out
constexpr std::size_t kMostWarnings = 16;

bool same(const RouteTable& a, const RouteTable& b) {
  const auto entry = [](const std::optional<RouteEntry>& x, const std::optional<RouteEntry>& y) {
    if (x.has_value() != y.has_value()) return false;
    return !x || (x->generation == y->generation && x->address == y->address);
  };
  const auto closing = [](const Closing& x, const Closing& y) {
    return x.generation == y.generation && x.tunnel_close_code == y.tunnel_close_code &&
           x.tunnels_until == y.tunnels_until && x.requests_until == y.requests_until;
  };
  return entry(a.active, b.active) && entry(a.candidate, b.candidate) &&
         a.candidate_weight == b.candidate_weight && a.weight_seed == b.weight_seed && a.hold == b.hold &&
         a.refuse == b.refuse && a.announce_close == b.announce_close &&
         a.stop_listening == b.stop_listening && a.accept_later == b.accept_later &&
         a.release_by == b.release_by &&
         std::equal(a.closing.begin(), a.closing.end(), b.closing.begin(), b.closing.end(), closing);
}

// Of pinned sources a candidate of the operator gets what its reload brings, and whatever starts without a
// reload what the other pods run. Who asks in the pod itself gets what the mount holds.
ConfigContent content_of(const policy::PolicySpec& policy, const Run* run, bool is_candidate) {
  if (!policy::has_pinned(policy.triggers)) return ConfigContent::kMounted;
  if (!is_candidate) return ConfigContent::kKept;
  return run->view.managed ? ConfigContent::kStaged : ConfigContent::kMounted;
}

}  // namespace

void Driver::perform(const effect::Spawn& spawn) {
  const Member& member = spawn.member;
  Facts facts;
  facts.started_at = parts_.clock.wall();
  facts.spawned_at = parts_.loop.now();
  if (member.recipe.attach) {
    facts.address = *member.recipe.attach;
    facts.is_attached = true;
    fleet_.add(member.generation, std::move(facts));
    return;
  }
  const Run* run = run_of(model_.state);
  const bool is_candidate = run != nullptr && run->candidate.generation == member.generation;
  const policy::PolicySpec& policy = is_candidate ? *run->policy : *model_.policy;
  if (policy.listen == policy::ListenKind::kPort) {
    const Result<std::uint16_t> port = free_loopback_port(fleet_.ports());
    if (!port) {
      fleet_.add(member.generation, std::move(facts));
      step(event::SpawnFailed{member.generation, port.error().detail});
      return;
    }
    facts.address.port = *port;
  }
  facts.config_of = member.snapshot_of;
  const SpawnOrder order = make_order(member, facts.address.port, policy);
  Facts& kept = fleet_.add(member.generation, std::move(facts));
  if (!policy.config.empty() && snapshots_.insert(member.snapshot_of).second) {
    parts_.launcher.snapshot(member.snapshot_of, config_paths(policy), content_of(policy, run, is_candidate));
  }
  parts_.launcher.spawn(order);
  // Where its processes cannot be seen, whatever listens anew is taken for its. Read while it starts, not
  // before.
  kept.listening_before = listening_.read();
}

void Driver::perform(const effect::Stop& stop) {
  const auto& retiring = model_.generations.retiring;
  const auto same_generation = [&](const Retiring& r) { return r.member.generation == stop.generation; };
  const auto it = std::find_if(retiring.begin(), retiring.end(), same_generation);
  if (it != retiring.end() && it->member.recipe.attach) {  // not ours to signal
    step(event::Exited{stop.generation, {}, false, false, {}});
    return;
  }
  parts_.launcher.stop(stop.generation, stop.grace);
}

void Driver::perform(const effect::ForgetSnapshot& forget) {
  parts_.launcher.drop_snapshot(forget.generation);
}

void Driver::perform(const effect::FetchOutput& fetch) { parts_.launcher.ask_tail(fetch.generation); }

void Driver::perform(const effect::Accept& accept) {
  if (auto reply = std::exchange(reply_, nullptr)) reply({std::nullopt, accept.reload});
}

void Driver::perform(const effect::Refuse& refuse) {
  log::info("refused", {{"why", refuse.error.detail}});
  decisions_.add({parts_.clock.wall(), "refused", refuse.error.detail});
  if (auto reply = std::exchange(reply_, nullptr)) reply({refuse.error, {}});
}

void Driver::perform(const effect::RunBegan&) {
  parts_.plane.reset_hold_mark();
  remembered_.at_run_start = parts_.plane.counters();
}

void Driver::perform(const effect::RunEnded& ended) {
  const ReloadView& view = ended.view;
  auto& receipts = remembered_.receipts;
  std::erase_if(receipts, [this](const auto& entry) { return find_record(model_, entry.first) == nullptr; });
  const Receipt counted = receipt_between(remembered_.at_run_start, parts_.plane.counters());
  receipts[view.id] = counted;
  const auto counts = [&](const VerdictCount& c) { return c.phase == view.phase && c.reason == view.reason; };
  const auto it = std::find_if(remembered_.verdicts.begin(), remembered_.verdicts.end(), counts);
  if (it != remembered_.verdicts.end())
    ++it->count;
  else
    remembered_.verdicts.push_back({view.phase, view.reason, 1});
  log::info("reload ended", {{"reload", view.id},
                             {"verdict", to_string(view.phase)},
                             {"reason", to_string(view.reason)},
                             {"message", view.message},
                             {"total_ms", view.receipt.total.count()},
                             {"overhead_ms", view.receipt.overhead.count()},
                             {"held", counted.held},
                             {"retried", counted.retried},
                             {"failed", counted.failed}});
}

void Driver::perform(const effect::Note& note) { decisions_.add({parts_.clock.wall(), note.what, note.why}); }

void Driver::perform(const effect::EndContainer& end) {
  const bool crashed = model_.generations.active.life == ActiveLife::kGivenUp;
  if (crashed)
    log::error("the app is given up",
               {{"why", decisions_.view()->empty() ? "" : decisions_.view()->back().why}});
  parts_.launcher.exit_with(end.exit.signal != 0 ? 128 + end.exit.signal : end.exit.status);
}

void Driver::perform(const effect::PodMayGo&) {
  for (const Reply& reply : std::exchange(pod_waiters_, {})) reply({});
}

void Driver::perform(const effect::Quit& quit) {
  if (is_quitting_) return;
  is_quitting_ = true;
  exit_ = quit.exit;
  if (parts_.options.run_mode) parts_.write_journal({});  // the app is gone as well: nothing to adopt
  parts_.loop.arm(quit_, kBeforeQuit);
}

void Driver::publish_routes() {
  RouteTable routes = routes_of(model_, [this](Generation g) { return fleet_.address_of(g); });
  if (routes_.version == 0 || same(routes, routes_)) return;
  routes.version = routes_.version + 1;
  std::map<Generation, std::uint64_t> since;
  for (const Closing& closing : routes.closing) {
    const auto it = closing_since_.find(closing.generation);
    since[closing.generation] = it == closing_since_.end() ? routes.version : it->second;
  }
  closing_since_ = std::move(since);
  routes_ = std::move(routes);
  parts_.plane.publish(std::make_shared<const RouteTable>(routes_));
}

void Driver::publish_snapshot() {
  ++remembered_.serial;
  remembered_.launcher_connected = parts_.launcher.is_up();
  remembered_.launcher_refused = parts_.launcher.refused();
  remembered_.old_workers = parts_.plane.old_workers();
  auto snapshot = std::make_shared<Snapshot>(make_snapshot(
      model_, fleet_, remembered_, parts_.plane.latest_counters(), decisions_, parts_.loop.now()));
  snapshot->certificates = parts_.plane.certificates();
  parts_.board.publish(std::move(snapshot));
}

void Driver::write_journal() {
  const auto* stopping = std::get_if<Stopping>(&model_.state);
  if (!is_booted_ || is_quitting_ || (stopping != nullptr && stopping->stage == StopStage::kDone)) return;
  const auto where = [this](Generation g) {
    const Facts* facts = fleet_.find(g);
    return facts == nullptr ? Whereabouts{} : Whereabouts{facts->address, facts->started_at};
  };
  Record record = record_of(model_, where, now());
  record.base = Recipe{parts_.options.command, parts_.options.env, parts_.options.attach};
  record.policy_text = policy_text_;
  record.serial = serial_;
  if (encode(record) == record_) return;
  record.serial = ++serial_;
  record_ = encode(record);
  parts_.write_journal(record_);
  parts_.launcher.keep_record(record_);
}

void Driver::adjust_probes() {
  const std::vector<Generation> wanted = probed_by(model_);
  prober_.keep_only(wanted);
  const Run* run = run_of(model_.state);
  for (const Generation generation : wanted) {
    const Facts* facts = fleet_.find(generation);
    if (facts == nullptr || !is_known(facts->address)) continue;
    const bool is_candidate = run != nullptr && run->candidate.generation == generation;
    prober_.watch(generation, facts->address,
                  is_candidate ? run->policy->readiness : model_.policy->readiness);
  }
}

void Driver::adjust_timers() {
  if (const auto deadline = deadline_of(model_))
    parts_.loop.arm_at(tick_, *deadline);
  else
    parts_.loop.cancel(tick_);
  const bool holds = model_.generations.active.life != ActiveLife::kUp && remembered_.has_served;
  if (!is_measured(model_) && !holds)
    parts_.loop.cancel(measure_);
  else if (!measure_.is_armed())
    parts_.loop.arm(measure_, kMeasureEvery);
  const std::vector<Generation> probed = probed_by(model_);
  const bool fresh = std::any_of(probed.begin(), probed.end(), [this](Generation g) { return is_fresh(g); });
  if (!fresh)
    parts_.loop.cancel(port_look_);
  else if (!port_look_.is_armed())
    parts_.loop.arm(port_look_, kLookEvery);
}

// The one place where a transition is logged.
void Driver::log_transition(Phase before, const Effects& effects) {
  const Phase after = phase_of(model_);
  if (before == after) return;
  std::string why;
  for (const Effect& effect : effects) {
    if (const auto* note = std::get_if<effect::Note>(&effect)) why += (why.empty() ? "" : "; ") + note->why;
  }
  const Run* run = run_of(model_.state);
  const std::string reload = run != nullptr ? run->view.id : "";
  const std::uint32_t active = number(model_.generations.active.member.generation);
  const std::uint32_t candidate = run != nullptr ? number(run->candidate.generation) : 0;
  log::info("phase", {{"from", to_string(before)},
                      {"to", to_string(after)},
                      {"active", active},
                      {"candidate", candidate},
                      {"reload", reload},
                      {"why", why}});
  const std::string what = std::string(to_string(before)) + " -> " + std::string(to_string(after));
  decisions_.add({parts_.clock.wall(), what, why});
}

void Driver::warn(Generation about, std::string text, bool until_ready) {
  auto& warnings = remembered_.warnings;
  const auto same_text = [&](const Warning& w) { return w.text == text; };
  if (std::any_of(warnings.begin(), warnings.end(), same_text)) return;
  log::warn("attention", {{"what", text}});
  if (warnings.size() == kMostWarnings) warnings.erase(warnings.begin());
  warnings.push_back({about, std::move(text), until_ready});
}

}  // namespace sidestep::sidecar
