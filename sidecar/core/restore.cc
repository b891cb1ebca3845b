// Between the model and its record: what is written, and what a proxy begins with (record.h).
#include <algorithm>

#include "sidecar/core/record.h"

namespace sidestep::sidecar {

namespace {

constexpr std::size_t kEndedInRecord = 4;

RecordedGeneration recorded(Role role, const Member& member, const Whereabouts& where) {
  return RecordedGeneration{role, member, where.address, where.started_at, std::nullopt};
}

ReloadView brief(const ReloadView& view) {
  ReloadView copy = view;
  copy.output.clear();
  copy.receipt = {};
  return copy;
}

ReloadView interrupted(ReloadView view, const Now& now) {
  const bool promoted = view.phase == ReloadPhase::kDraining;
  view.ended_at = now.wall;
  view.phase = promoted ? ReloadPhase::kSucceeded : ReloadPhase::kInterrupted;
  view.reason = promoted ? ReloadReason::kPromoted : ReloadReason::kInterrupted;
  view.message = promoted ? "the proxy was restarted after the promotion"
                          : "the proxy was restarted before the promotion";
  return view;
}

void adopt(Model& model, const RecordedGeneration& recorded, const Now& now) {
  Generations& generations = model.generations;
  if (recorded.role == Role::kActive) {
    const bool ran = recorded.member.generation != Generation::kNone;
    const bool here = ran && (recorded.address.port != 0 || !recorded.address.socket_path.empty());
    generations.active = Active{recorded.member, here ? ActiveLife::kUp : ActiveLife::kDown, now.at, {}, {}};
  }
  if (recorded.role == Role::kRetiring && recorded.warm_until && *recorded.warm_until > now.wall) {
    Retiring warm;
    warm.member = recorded.member;
    warm.closing.generation = recorded.member.generation;
    warm.closing.requests_until = warm.closing.tunnels_until = now.at;
    warm.warm_until = now.at + std::chrono::duration_cast<Millis>(*recorded.warm_until - now.wall);
    warm.give_up_at = warm.warm_until;
    warm.idle = true;  // its streams ended with the proxy
    generations.retiring.push_back(warm);
  }
  if (recorded.role != Role::kCandidate) model.snapshots.push_back(recorded.member.snapshot_of);
}

}  // namespace

Record record_of(const Model& model, const std::function<Whereabouts(Generation)>& where, const Now& now) {
  Record record;
  record.last = model.generations.last;
  record.policy_uid = model.policy_uid;
  const Active& active = model.generations.active;
  const bool stopping = std::holds_alternative<Stopping>(model.state);
  const bool up = active.life == ActiveLife::kUp || active.life == ActiveLife::kStarting || stopping;
  record.generations.push_back(
      recorded(Role::kActive, active.member, up ? where(active.member.generation) : Whereabouts{}));
  for (const Retiring& retiring : model.generations.retiring) {
    if (retiring.because == RetiredBecause::kStopping) continue;  // still active, for the next proxy
    RecordedGeneration entry = recorded(Role::kRetiring, retiring.member, where(retiring.member.generation));
    if (retiring.warm_until > now.at && !retiring.signalled) {
      entry.warm_until = now.wall + std::chrono::duration_cast<Millis>(retiring.warm_until - now.at);
      *entry.warm_until -=
          entry.warm_until->time_since_epoch() % Seconds{1};  // so that the text stays the same
    }
    record.generations.push_back(std::move(entry));
  }
  if (const Run* run = run_of(model.state)) {
    record.running = brief(run->view);
    const bool candidate =
        run->view.phase == ReloadPhase::kStarting || run->view.phase == ReloadPhase::kJudging;
    const Generation generation = run->candidate.generation;
    if (candidate && generation != Generation::kNone) {
      record.generations.push_back(recorded(Role::kCandidate, run->candidate, where(generation)));
    }
  }
  const std::size_t skip = model.ended.size() > kEndedInRecord ? model.ended.size() - kEndedInRecord : 0;
  for (std::size_t i = skip; i < model.ended.size(); ++i) record.ended.push_back(brief(model.ended[i]));
  return record;
}

Model restore(const MachineSettings& settings, PolicyPtr policy, const Recipe& base,
              const std::optional<Record>& record, const Now& now) {
  Model model;
  model.settings = settings;
  model.policy = std::move(policy);
  model.generations.active.member.recipe = base;
  model.generations.active.restart_at = now.at;
  if (!record) return model;
  model.policy_uid = record->policy_uid;
  model.generations.last = record->last;
  for (const RecordedGeneration& generation : record->generations) adopt(model, generation, now);
  model.ended.assign(record->ended.begin(), record->ended.end());
  if (record->running) model.ended.push_back(interrupted(*record->running, now));
  std::sort(model.snapshots.begin(), model.snapshots.end());
  model.snapshots.erase(std::unique(model.snapshots.begin(), model.snapshots.end()), model.snapshots.end());
  std::erase(model.snapshots, Generation::kNone);
  const bool up = model.generations.active.life == ActiveLife::kUp;
  if (up) model.state = Serving{};
  const bool attached = model.generations.active.member.recipe.attach.has_value();
  if (up && !attached) model.launcher_lost_at = now.at;  // it has its grace to say what runs
  return model;
}

}  // namespace sidestep::sidecar
