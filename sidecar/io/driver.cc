#include "sidecar/io/driver.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"

namespace sidestep::sidecar {

namespace {

Recipe base_recipe(const Options& options) {
  Recipe recipe;
  recipe.command = options.command;
  recipe.env = options.env;
  recipe.attach = options.attach;
  return recipe;
}

MachineSettings settings_of(const Options& options) {
  MachineSettings settings;
  settings.run_mode = options.run_mode;
  return settings;
}

// Replies exactly once: kUnavailable when the loop ended before the command was looked at.
class ReplyOnce {
 public:
  explicit ReplyOnce(std::function<void(CommandReply)> reply) : reply_(std::move(reply)) {}
  ReplyOnce(const ReplyOnce&) = delete;
  ReplyOnce& operator=(const ReplyOnce&) = delete;
  ~ReplyOnce() { (*this)({unavailable("the proxy ends"), {}}); }
  void operator()(CommandReply reply) {
    if (auto call = std::exchange(reply_, nullptr)) call(std::move(reply));
  }

 private:
  std::function<void(CommandReply)> reply_;
};

}  // namespace

Driver::Driver(DriverParts parts)
    : parts_(std::move(parts)),
      listening_(parts_.root),
      prober_(
          parts_.loop,
          [this](Generation generation, HealthChange change, const std::string& why) {
            on_health(generation, change, why);
          },
          parts_.options.app_proxy_protocol),
      memory_late_([this] {
        log::warn("the launcher does not say how much memory is left; the reload begins without", {});
        begin_asked({});
      }),
      tick_([this] { step(event::Tick{}); }),
      measure_([this] { measure(); }),
      port_look_([this] { look_for_wrong_ports(); }),
      exposure_look_([this] { check_exposure(); }),
      quit_([this] { parts_.quit(exit_); }) {
  model_.settings = settings_of(parts_.options);
  remembered_.boot_id = parts_.boot_id;
  remembered_.pod_uid = parts_.options.pod_uid;
}

Driver::~Driver() = default;

// With a journal the app is served at once; without one the launcher's record, or its absence, is waited for.
void Driver::start(const std::string& journal, std::vector<int> listeners) {
  const auto policy = std::make_shared<const policy::PolicySpec>(parts_.options.policy);
  model_ = restore(settings_of(parts_.options), policy, base_recipe(parts_.options), std::nullopt, now());
  if (!journal.empty() || parts_.options.attach) boot(journal, "journal");
  routes_ = routes_of(model_, [this](Generation g) { return fleet_.address_of(g); });
  routes_.version = 1;
  parts_.plane.start(std::move(listeners), std::make_shared<const RouteTable>(routes_));
  remembered_.listening = true;
  step(event::Tick{});
}

void Driver::boot(const std::string& text, const std::string& source) {
  is_booted_ = true;
  std::optional<Record> record;
  if (!text.empty()) {
    Result<Record> decoded = decode(text);
    if (decoded)
      record = std::move(*decoded);
    else
      log::warn("record not used", {{"source", source}, {"error", decoded.error().detail}});
  }
  const Recipe base = base_recipe(parts_.options);
  if (record && parts_.options.run_mode && record->base != base) record.reset();  // another command was typed
  auto policy = std::make_shared<const policy::PolicySpec>(parts_.options.policy);
  if (record && !record->policy_text.empty()) {
    Result<policy::PolicySpec> pushed = policy::parse_policy(record->policy_text, source);
    if (pushed) policy = std::make_shared<const policy::PolicySpec>(std::move(*pushed));
    if (pushed) policy_text_ = record->policy_text;
  }
  model_ = restore(settings_of(parts_.options), policy, base, record, now());
  model_.random = parts_.seed;
  if (!record) return;
  serial_ = record->serial;
  for (const RecordedGeneration& generation : record->generations) {
    Facts facts;
    facts.address = generation.address;
    facts.started_at = generation.started_at;
    facts.config_of = generation.member.snapshot_of;
    fleet_.add(generation.member.generation, std::move(facts));
  }
  remembered_.has_served = model_.generations.active.life == ActiveLife::kUp;
  log::info("adopted", {{"source", source}, {"active", number(model_.generations.active.member.generation)}});
}

// The last worker died between telling the launcher and telling the disk.
void Driver::restart_from(const std::string& record) {
  const Result<Record> theirs = decode(record);
  if (theirs && theirs->serial > serial_) boot(record, "launcher");
}

void Driver::submit(Command command, std::function<void(CommandReply)> reply) {
  const auto once = std::make_shared<ReplyOnce>(std::move(reply));
  if (is_retired_) return (*once)({taken_over(), {}});
  if (is_closed_) return;  // `once` says so
  parts_.loop.post([this, once, moved = std::move(command)]() mutable {
    handle(std::move(moved), [once](CommandReply answer) { (*once)(std::move(answer)); });
  });
}

void Driver::step(Event event) {
  events_.push_back(std::move(event));
  if (is_stepping_ || is_frozen_) return;
  is_stepping_ = true;
  while (!events_.empty()) {
    const Event next = std::move(events_.front());
    events_.pop_front();
    step_one(next);
  }
  is_stepping_ = false;
}

void Driver::step_one(const Event& event) {
  const Phase before = phase_of(model_);
  Step next = advance(std::move(model_), event, now());
  model_ = std::move(next.model);
  const Phase after = phase_of(model_);
  if (after == Phase::kJudging && before != after) at_judging_ = parts_.plane.counters();
  if (after == Phase::kHolding && before != after) remembered_.holding_since = parts_.loop.now();
  if (model_.generations.active.life == ActiveLife::kUp) remembered_.has_served = true;
  // Routes first: a generation is told to stop only when no table sends it anything.
  publish_routes();
  // And the snapshot: who is told that a reload was accepted may ask for it at once.
  publish_snapshot();
  for (const Effect& effect : next.effects) {
    std::visit([this](const auto& e) { perform(e); }, effect);
  }
  log_transition(before, next.effects);
  settle();
}

void Driver::settle() {
  publish_routes();
  const std::vector<Generation> known = known_generations();
  fleet_.keep_only(known);
  std::erase_if(remembered_.warnings, [&](const Warning& warning) {
    return std::find(known.begin(), known.end(), warning.about) == known.end();
  });
  adjust_probes();
  adjust_timers();
  write_journal();
  publish_snapshot();
}

}  // namespace sidestep::sidecar
