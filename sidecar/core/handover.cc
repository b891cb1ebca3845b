#include "sidecar/core/handover.h"

#include <utility>

namespace sidestep::sidecar::handover {

namespace {

template <typename T>
const T* as(const Event& event) {
  return std::get_if<T>(&event);
}

std::string seconds_since(TimePoint since, TimePoint now) {
  return std::to_string(std::chrono::duration_cast<Seconds>(now - since).count()) + " s";
}

std::vector<Effect> refused(const Asked* asked, std::uint64_t id, TimePoint since, TimePoint now) {
  if (asked == nullptr) return {};
  return {Refuse{"upgrade " + std::to_string(id) + " is under way since " + seconds_since(since, now) +
                 ": one at a time"}};
}

Step give_up(Model model, std::uint64_t id, std::string why) {
  model.state = Resting{};
  return {std::move(model), {Undo{}, Report{id, true, false, std::move(why)}}};
}

Step on(const Resting&, Model model, const Event& event, TimePoint now) {
  const auto* asked = as<Asked>(event);
  if (asked == nullptr) return {std::move(model), {}};
  if (!asked->can_be_done) return {std::move(model), {Refuse{asked->why_not}}};
  const std::uint64_t id = ++model.attempts;
  model.state = Proving{id, asked->nonce, now, now + model.limits.prove};
  return {std::move(model), {Report{id, false, false, "the new worker is started"}, Start{asked->nonce}}};
}

Step on(const Proving& proving, Model model, const Event& event, TimePoint now) {
  const std::uint64_t id = proving.id;
  if (const auto* proved = as<Proved>(event)) {
    if (proved->nonce != proving.nonce)
      return give_up(std::move(model), id, "another process than the one that was started spoke");
    model.state = Taking{id, proving.since, now, now + model.limits.take};
    return {std::move(model), {Commit{}}};
  }
  if (const auto* failed = as<NewFailed>(event)) return give_up(std::move(model), id, failed->why);
  if (const auto* failed = as<CurrentFailed>(event)) return give_up(std::move(model), id, failed->why);
  if (as<Term>(event) != nullptr) return give_up(std::move(model), id, "the proxy was told to end");
  if (as<Deadline>(event) != nullptr && now >= proving.give_up_at) {
    return give_up(std::move(model), id,
                   "the new worker did not get ready within " + seconds_since(proving.since, now) +
                       "; see its log, or raise --upgrade-timeout");
  }
  std::vector<Effect> effects = refused(as<Asked>(event), id, proving.since, now);
  return {std::move(model), std::move(effects)};
}

Step on(const Taking& taking, Model model, const Event& event, TimePoint now) {
  const std::uint64_t id = taking.id;
  if (as<Serves>(event) != nullptr) {
    model.state = Resting{};
    return {std::move(model), {Report{id, true, true, "the new worker serves"}}};
  }
  if (const auto* failed = as<NewFailed>(event)) {
    model.state = Resting{};
    return {std::move(model), {Report{id, true, false, "right after it took over: " + failed->why}}};
  }
  if (as<Deadline>(event) != nullptr && now >= taking.give_up_at) {
    model.state = Resting{};
    const std::string why = "it took over, but did not serve within " + seconds_since(taking.proved_at, now) +
                            " and was killed; see its log, or raise --upgrade-timeout";
    return {std::move(model), {End{}, Report{id, true, false, why}}};
  }
  std::vector<Effect> effects = refused(as<Asked>(event), id, taking.since, now);
  return {std::move(model), std::move(effects)};
}

}  // namespace

std::optional<TimePoint> deadline(const Model& model) {
  if (const auto* proving = std::get_if<Proving>(&model.state)) return proving->give_up_at;
  if (const auto* taking = std::get_if<Taking>(&model.state)) return taking->give_up_at;
  return std::nullopt;
}

Step advance(Model model, const Event& event, TimePoint now) {
  const State state = model.state;
  return std::visit([&](const auto& s) { return on(s, std::move(model), event, now); }, state);
}

}  // namespace sidestep::sidecar::handover
