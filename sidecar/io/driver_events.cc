// The driver's ears: launcher, plane, probes and commands become events of the state machine.
#include <algorithm>

#include "lib/base/log.h"
#include "sidecar/io/driver.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kMemoryWait{1'000};  // for an answer of the launcher
constexpr Millis kBeforeExposureLook{300};
constexpr Millis kBeforePortLook{300};  // an app that binds the right port has done so, or is not at it yet

const GenerationCounters& counters_of(const ShardCounters& counters, Generation generation) {
  static const GenerationCounters kNone;
  for (const GenerationCounters& counted : counters.generations) {
    if (counted.generation == generation) return counted;
  }
  return kNone;
}

// Requests that have ended, and those of them that failed.
policy::Sample sample_between(const GenerationCounters& before, const GenerationCounters& after) {
  const auto finished = [](const GenerationCounters& c) {
    return c.requests - std::min(c.requests, c.in_flight);
  };
  policy::Sample sample;
  sample.requests = finished(after) - std::min(finished(after), finished(before));
  sample.errors = std::min(sample.requests, after.errors() - std::min(after.errors(), before.errors()));
  for (std::size_t i = 0; i < kLatencyBuckets; ++i)
    sample.latency.buckets[i] = after.latency[i] - std::min(after.latency[i], before.latency[i]);
  sample.latency.sum_us = after.latency_sum_us - std::min(after.latency_sum_us, before.latency_sum_us);
  return sample;
}

struct ToEvent {
  Event operator()(AbortCommand c) const { return event::AbortAsked{std::move(c)}; }
  Event operator()(PromoteCommand c) const { return event::PromoteAsked{std::move(c)}; }
  Event operator()(WeightCommand c) const { return event::WeightAsked{std::move(c)}; }
  Event operator()(PauseCommand c) const { return event::PauseAsked{std::move(c)}; }
  Event operator()(ResumeCommand c) const { return event::ResumeAsked{std::move(c)}; }
  Event operator()(PolicyCommand c) const {
    return event::PolicySet{std::make_shared<const policy::PolicySpec>(std::move(c.spec)),
                            std::move(c.policy_uid)};
  }
  Event operator()(const ReloadCommand&) const { return event::Tick{}; }
  Event operator()(const PodEndingCommand&) const { return event::Tick{}; }
  Event operator()(const RefreshCommand&) const { return event::Tick{}; }
  Event operator()(const UpgradeCommand&) const { return event::Tick{}; }
};

}  // namespace

void Driver::handle(Command command, Reply reply) {
  if (std::holds_alternative<RefreshCommand>(command) && !is_closed_) {
    parts_.plane.counters();  // brings every shard's copy up to date
    publish_snapshot();
    reply({});
    return;
  }
  if (is_closed_) return reply({taken_over(), {}});
  if (is_frozen_) {
    deferred_.emplace_back(std::move(command), std::move(reply));
    return;
  }
  if (auto* upgrade = std::get_if<UpgradeCommand>(&command)) {
    if (!parts_.upgrade)
      return reply({unavailable("there is no parent process that could start another worker"), {}});
    return parts_.upgrade(std::move(upgrade->arguments), std::move(reply));
  }
  if (std::holds_alternative<PodEndingCommand>(command)) {
    pod_waiters_.push_back(std::move(reply));
    step(event::PodEnding{});
    return;
  }
  if (auto* reload = std::get_if<ReloadCommand>(&command)) return ask(std::move(*reload), std::move(reply));
  reply_ = std::move(reply);
  if (const auto* policy = std::get_if<PolicyCommand>(&command)) policy_text_ = policy->json;
  step(std::visit(ToEvent{}, std::move(command)));
  if (auto unanswered = std::exchange(reply_, nullptr)) unanswered({});
}

// Before two generations overlap, the launcher says how much memory its container has left.
void Driver::ask(ReloadCommand command, Reply reply) {
  const Active& active = model_.generations.active;
  const bool is_ours = active.life == ActiveLife::kUp && !active.member.recipe.attach;
  asked_.emplace_back(std::move(command), std::move(reply));
  if (!is_ours || !parts_.launcher.ask_memory(active.member.generation)) return begin_asked({});
  if (!memory_late_.is_armed()) parts_.loop.arm(memory_late_, kMemoryWait);
}

void Driver::begin_asked(const MemoryRoom& room) {
  parts_.loop.cancel(memory_late_);
  for (auto& [command, reply] : std::exchange(asked_, {})) {
    reply_ = std::move(reply);
    step(event::Asked{std::move(command), room});
    if (auto unanswered = std::exchange(reply_, nullptr)) unanswered({});
  }
}

void Driver::handle(const MemoryTold& told) {
  log::info("memory", {{"generation", number(told.generation)},
                       {"limit", told.room.limit.value_or(0)},
                       {"used", told.room.used},
                       {"resident", told.room.active_resident}});
  begin_asked(told.room);
}

void Driver::on_launcher(LauncherEvent event) {
  std::visit([this](const auto& e) { handle(e); }, event);
}

void Driver::handle(const LauncherUp& up) {
  if (!is_booted_)
    boot(up.record, "launcher");
  else if (is_first_launcher_)
    restart_from(up.record);
  is_first_launcher_ = false;
  event::LauncherUp running;
  running.command = up.command;
  running.leaving = up.leaving;
  for (const LauncherUp::Running& process : up.running) {
    if (!process.is_stopping) running.running.push_back(process.generation);
    if (Facts* facts = fleet_.find(process.generation)) {
      facts->pid = process.pid;
      if (!process.socket_path.empty()) facts->address.socket_path = process.socket_path;
      facts->config_of = process.config_of;
    }
  }
  snapshots_.clear();
  for (const LauncherUp::Snapshot& snapshot : up.snapshots) {
    snapshots_.insert(snapshot.generation);
    for (const Generation generation : known_generations()) {
      Facts* facts = fleet_.find(generation);
      if (facts != nullptr && facts->config_of == snapshot.generation) facts->config_hash = snapshot.hash;
    }
  }
  log::info("launcher connected",
            {{"version", up.version}, {"running", up.running.size()}, {"first", up.is_first}});
  step(running);
  if (up.term_seen) step(event::AppTerm{});
  if (!record_.empty()) parts_.launcher.keep_record(record_);
}

void Driver::handle(const LauncherLost&) {
  log::warn("launcher lost", {});
  begin_asked({});
  step(event::LauncherLost{});
}

void Driver::handle(const Spawned& spawned) {
  Facts* facts = fleet_.find(spawned.generation);
  if (facts == nullptr) return;
  facts->pid = spawned.pid;
  if (!spawned.socket_path.empty()) facts->address.socket_path = spawned.socket_path;
  log::info("spawned", {{"generation", number(spawned.generation)},
                        {"pid", spawned.pid},
                        {"address", to_string(facts->address)}});
  step(event::Spawned{spawned.generation});
}

void Driver::handle(const SpawnFailed& failed) {
  log::warn("spawn failed", {{"generation", number(failed.generation)}, {"error", failed.message}});
  step(event::SpawnFailed{failed.generation, failed.message});
}

void Driver::handle(const Exited& exited) {
  log::info("exited", {{"generation", number(exited.generation)},
                       {"status", exited.status},
                       {"signal", exited.signal},
                       {"asked", exited.was_asked}});
  if (Facts* facts = fleet_.find(exited.generation)) facts->is_ready = false;
  if (exited.forked_away)
    warn(exited.generation, "generation " + std::to_string(number(exited.generation)) +
                                " started another process and ended: run the app in the foreground");
  step(event::Exited{exited.generation, ExitStatus{exited.status, exited.signal}, exited.forked_away,
                     exited.out_of_memory, exited.output, true});
}

void Driver::handle(const Gone& gone) { step(event::Gone{gone.generation}); }

void Driver::handle(const OutputTail& tail) { step(event::Output{tail.generation, tail.output}); }

void Driver::handle(const ConfigTaken& taken) {
  if (!taken.error.empty())
    warn(taken.generation,
         "configuration of generation " + std::to_string(number(taken.generation)) + ": " + taken.error);
  for (const Generation generation : known_generations()) {
    Facts* facts = fleet_.find(generation);
    if (facts != nullptr && facts->config_of == taken.generation) facts->config_hash = taken.hash;
  }
  publish_snapshot();
}

void Driver::handle(const SocketReady& ready) { prober_.look_now(ready.generation); }

void Driver::handle(const TermSeen&) {
  log::info("SIGTERM at the launcher", {});
  step(event::AppTerm{});
}

void Driver::on_idle(Generation generation, std::uint64_t version) {
  const auto since = closing_since_.find(generation);
  if (since == closing_since_.end() || version < since->second) return;  // of an earlier table
  step(event::Idle{generation});
}

void Driver::on_suspect(Generation generation) { prober_.look_now(generation); }

void Driver::on_terminate() { step(event::Term{}); }

void Driver::on_health(Generation generation, HealthChange change, const std::string& why) {
  if (Facts* facts = fleet_.find(generation)) facts->is_ready = change == HealthChange::kBecameReady;
  log::info(
      "health",
      {{"generation", number(generation)}, {"ready", change == HealthChange::kBecameReady}, {"why", why}});
  if (change == HealthChange::kBecameReady) {
    std::erase_if(remembered_.warnings,
                  [&](const Warning& w) { return w.about == generation && w.until_ready; });
    step(event::Ready{generation});
    unchecked_.push_back(generation);
    if (!exposure_look_.is_armed()) parts_.loop.arm(exposure_look_, kBeforeExposureLook);
  } else {
    if (prober_.failed_tls(generation))
      warn(generation, "generation " + std::to_string(number(generation)) + ": " + why, true);
    step(event::Unready{generation, why});
  }
}

void Driver::measure() {
  const ShardCounters counters = parts_.plane.counters();
  event::Measured measured;
  measured.requests = counters.requests;
  measured.clients = counters.clients_open;
  if (const auto* judging = std::get_if<Judging>(&model_.state)) {
    const auto sample = [&](Generation g) {
      return sample_between(counters_of(at_judging_, g), counters_of(counters, g));
    };
    measured.active = sample(model_.generations.active.member.generation);
    measured.candidate = sample(judging->run.candidate.generation);
  }
  for (const Retiring& retiring : model_.generations.retiring) {
    const GenerationCounters& counted = counters_of(counters, retiring.member.generation);
    measured.open.push_back({retiring.member.generation, counted.in_flight, counted.tunnels_open});
  }
  step(measured);
}

// An app that listens, but not where it was told to, is named within a second.
void Driver::look_for_wrong_ports() {
  std::optional<std::vector<Listening>> all;
  const std::vector<std::uint16_t> ours = fleet_.ports();
  for (const Generation generation : probed_by(model_)) {
    Facts* facts = fleet_.find(generation);
    if (!is_fresh(generation)) continue;
    if (prober_.failed_tls(generation)) say_that_tls_fails(generation, *facts);
    if (facts->address.port == 0) continue;
    if (!prober_.was_refused(generation) || parts_.loop.now() - facts->spawned_at < kBeforePortLook) continue;
    if (facts->pid == 0) {
      if (facts->is_attached) say_that_nobody_listens(generation, *facts);
      continue;
    }
    if (!all) all = listening_.read();
    std::optional<std::vector<Listening>> group;
    if (parts_.options.run_mode) group = listening_of_group(parts_.root, facts->pid, *all);
    for (const Listening& socket : group ? *group : *all) {
      const auto same_port = [&](const Listening& before) { return before.port == socket.port; };
      const bool was_there =
          !group && std::any_of(facts->listening_before.begin(), facts->listening_before.end(), same_port);
      const bool told = std::find(ours.begin(), ours.end(), socket.port) != ours.end();
      if (was_there || told) continue;
      facts->hint_given = true;
      std::string message = "generation " + std::to_string(number(generation)) + " listens on port " +
                            std::to_string(socket.port) + ", but was told " +
                            std::to_string(facts->address.port) +
                            ": let it take $PORT, or put {port} into its command";
      warn(generation, message);
      step(event::Hint{generation, ReloadReason::kWrongPort, std::move(message)});
      break;
    }
  }
  adjust_timers();
}

void Driver::say_that_nobody_listens(Generation generation, Facts& facts) {
  facts.hint_given = true;
  std::string message =
      "nobody listens on " + to_string(facts.address) + ": start the app there, or attach another address";
  warn(generation, message, true);
  step(event::Hint{generation, ReloadReason::kNotReadyInTime, std::move(message)});
}

void Driver::say_that_tls_fails(Generation generation, Facts& facts) {
  facts.hint_given = true;
  std::string message = prober_.last_failure(generation);
  warn(generation, "generation " + std::to_string(number(generation)) + ": " + message, true);
  step(event::Hint{generation, ReloadReason::kNotReadyInTime, std::move(message)});
}

// Not while traffic moves: where the kernel has only files to tell it by, it takes milliseconds.
void Driver::check_exposure() {
  const std::vector<Listening> all = listening_.read();
  for (const Generation generation : std::exchange(unchecked_, {})) {
    const std::uint16_t port = fleet_.address_of(generation).port;
    const auto exposed = [&](const Listening& socket) { return socket.port == port && socket.any_address; };
    if (port == 0 || std::none_of(all.begin(), all.end(), exposed)) continue;
    warn(generation, "generation " + std::to_string(number(generation)) +
                         " listens on 0.0.0.0: it can be reached around the proxy; bind 127.0.0.1");
  }
  publish_snapshot();
}

std::vector<Generation> Driver::known_generations() const {
  std::vector<Generation> known{model_.generations.active.member.generation};
  for (const Retiring& retiring : model_.generations.retiring) known.push_back(retiring.member.generation);
  if (const Run* run = run_of(model_.state)) known.push_back(run->candidate.generation);
  return known;
}

bool Driver::is_fresh(Generation generation) const {
  const Facts* facts = fleet_.find(generation);
  return facts != nullptr && !facts->is_ready && !facts->hint_given && facts->spawned_at != TimePoint{};
}

}  // namespace sidestep::sidecar
