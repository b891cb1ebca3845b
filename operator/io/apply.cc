#include "operator/io/apply.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"
#include "operator/api/wire.h"
#include "operator/io/parallel.h"
#include "operator/io/sidecar_actions.h"
#include "operator/io/world.h"

namespace sidestep::op {
namespace {

using k8s::Json;

constexpr double kStatusWritesPerSecond = 1;
constexpr double kStatusBurst = 3;
constexpr std::size_t kMostBuckets = 4096;

ApplyResult outcome_of(const Error& error) {
  if (error.kind == ErrorKind::kConflict) return {Applied::kAgain, error.detail, Millis{0}};
  const bool for_good = error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kRefused;
  return {for_good ? Applied::kGiveUp : Applied::kLater, error.detail, Millis{0},
          error.kind == ErrorKind::kRefused};
}

template <typename T>
ApplyResult outcome_of(const Result<T>& result) {
  return result ? ApplyResult{} : outcome_of(result.error());
}

}  // namespace

struct Applier::Run {
  Applier& self;
  const Observed& observed;
  std::mutex mutex = {};
  std::map<std::string, std::string> versions = {};  // guarded by mutex; of objects written in this plan

  Parts& parts() { return self.parts_; }
  const std::string& home() const { return observed.name_space; }
  std::string policy_mark() const { return "policy " + home() + "/" + observed.policy_name; }
  std::string reload_mark(const std::string& name) const {
    return "reload " + home() + "/" + observed.policy_name + " " + name;
  }
  const api::Reload* find_reload(const std::string& name) const {
    for (const api::Reload& reload : observed.reloads)
      if (reload.meta.name == name) return &reload;
    return nullptr;
  }

  k8s::ObjectRef ref(Subject subject, const std::string& name, const char* subresource = "") const {
    return {subject == Subject::kPolicy ? kPolicies : kReloads, home(), name, subresource};
  }
  std::string mark(Subject subject, const std::string& name) const {
    return subject == Subject::kPolicy ? policy_mark() : reload_mark(name);
  }
  std::string version(Subject subject, const std::string& name) {
    const std::lock_guard lock(mutex);
    if (const auto own = versions.find(mark(subject, name)); own != versions.end()) return own->second;
    if (subject == Subject::kPolicy) return observed.policy ? observed.policy->meta.resource_version : "";
    const api::Reload* reload = find_reload(name);
    return reload ? reload->meta.resource_version : "";
  }
  const api::ObjectMeta* meta(Subject subject, const std::string& name) const {
    if (subject == Subject::kPolicy) return observed.policy ? &observed.policy->meta : nullptr;
    const api::Reload* reload = find_reload(name);
    return reload ? &reload->meta : nullptr;
  }
  ApplyResult stored(Subject subject, const std::string& name, const Result<Json>& written) {
    if (!written) return outcome_of(written.error());
    const std::string fresh = k8s::text_field(k8s::field(*written, "metadata"), "resourceVersion");
    {
      const std::lock_guard lock(mutex);
      versions[mark(subject, name)] = fresh;
    }
    parts().ledger.wrote(mark(subject, name), fresh, parts().clock.steady());
    return {};
  }

  ApplyResult patch_status(Subject subject, const std::string& name, Json status) {
    const Json patch = {{"metadata", {{"resourceVersion", version(subject, name)}}},
                        {"status", std::move(status)}};
    return stored(subject, name, parts().client.merge_patch(ref(subject, name, "status"), patch));
  }
  ApplyResult set_finalizers(Subject subject, const std::string& name, bool wanted) {
    const api::ObjectMeta* known = meta(subject, name);
    if (!known || known->has_finalizer() == wanted) return {};
    std::vector<std::string> finalizers = known->finalizers;
    if (wanted)
      finalizers.emplace_back(api::kReloadFinalizer);
    else
      std::erase(finalizers, api::kReloadFinalizer);
    const Json patch = {
        {"metadata", {{"resourceVersion", version(subject, name)}, {"finalizers", finalizers}}}};
    const auto written = parts().client.merge_patch(ref(subject, name), patch);
    if (!written && written.error().kind == ErrorKind::kNotFound && !wanted) return {};
    const ApplyResult result = stored(subject, name, written);
    if (!wanted && known->deletion_time)
      parts().ledger.forget(mark(subject, name));  // it goes with its finalizer
    return result;
  }

  ApplyResult operator()(const CreateReload& action) {
    Json object = api::new_reload_json(home(), action.name, action.spec);
    if (action.begins) object["metadata"]["finalizers"] = {api::kReloadFinalizer};
    const auto made = parts().client.create({kReloads, home(), ""}, object);
    if (!made && made.error().kind == ErrorKind::kConflict) return {};
    return stored(Subject::kReload, action.name, made);
  }
  ApplyResult operator()(const PatchPolicyStatus& action) {
    return patch_status(Subject::kPolicy, observed.policy_name, api::status_to_json(action.status));
  }
  ApplyResult operator()(const PatchReloadStatus& action) {
    if (!self.may_write_status(reload_mark(action.name))) return {Applied::kAgain, "", Millis{500}};
    return patch_status(Subject::kReload, action.name, api::status_to_json(action.status));
  }
  ApplyResult operator()(const TakeSlot& action) {
    if (!parts().may_start || parts().may_start(home() + "/" + action.reload)) return {};
    return {Applied::kAgain, action.reload + " waits for its turn", Millis{500}};
  }
  ApplyResult operator()(const AddFinalizer& action) {
    return set_finalizers(action.subject, action.name, true);
  }
  ApplyResult operator()(const RemoveFinalizer& action) {
    return set_finalizers(action.subject, action.name, false);
  }
  ApplyResult operator()(const DeleteReload& action) {
    const Json only = {
        {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", action.uid}}}};
    k8s::Request request{.method = "DELETE",
                         .target = k8s::target_of(ref(Subject::kReload, action.name)),
                         .headers = {{"Content-Type", "application/json"}},
                         .body = only.dump()};
    const auto gone = parts().client.call(std::move(request), "delete reload " + action.name);
    if (!gone && gone.error().kind != ErrorKind::kNotFound) return outcome_of(gone.error());
    parts().ledger.forget(reload_mark(action.name));
    return {};
  }
  ApplyResult annotate(const PodRef& pod, const char* annotation, const std::string& value) {
    const Json patch = {{"metadata", {{"uid", pod.uid}, {"annotations", {{annotation, value}}}}}};
    const auto written = parts().client.merge_patch({kPods, home(), pod.name}, patch);
    if (!written && written.error().kind == ErrorKind::kNotFound) return {};
    return outcome_of(written);
  }
  ApplyResult operator()(const RefreshPod& action) {
    return annotate(action.pod, api::kRefreshAnnotation, action.value);
  }
  ApplyResult operator()(const MarkPod& action) {
    return annotate(action.pod, api::kHandledAnnotation, action.token);
  }
  ApplyResult operator()(const CopySources& action) {
    return parts().pins == nullptr ? ApplyResult{} : outcome_of(parts().pins->copy_sources(observed, action));
  }
  ApplyResult operator()(const CloneCopy& action) {
    return parts().pins == nullptr ? ApplyResult{} : outcome_of(parts().pins->clone(observed, action));
  }
  ApplyResult operator()(const RemoveCopy& action) {
    return parts().left == nullptr ? ApplyResult{} : outcome_of(parts().left->remove(observed, action));
  }
  // The answer comes to a later look.
  template <typename Question>
  ApplyResult put_to_desk(const Question& question) {
    if (parts().desk != nullptr) parts().desk->ask(home() + "/" + observed.policy_name, question);
    return {};
  }
  ApplyResult operator()(const MeasureMetric& action) { return put_to_desk(action); }
  ApplyResult operator()(const CallWebhook& action) { return put_to_desk(action); }
  ApplyResult operator()(const EmitEvent& action) {
    const api::ObjectMeta* about = meta(action.subject, action.name);
    k8s::Event event;
    event.regarding = {api::kGroupVersion, action.subject == Subject::kPolicy ? "ReloadPolicy" : "Reload",
                       home(), action.name, about ? about->uid : ""};
    event.is_warning = action.type == EventType::kWarning;
    event.reason = action.reason, event.action = action.action, event.note = action.note;
    parts().events.record(std::move(event));
    return {};
  }

  ApplyResult act(const Action& action) {
    if (!parts().may_act()) return {Applied::kAgain, "this process may no longer lead", Millis{1000}};
    if (const auto to_sidecar = command_of(action, observed)) return command(*to_sidecar);
    return std::visit(
        [&](const auto& other) -> ApplyResult {
          if constexpr (std::is_invocable_v<Run&, decltype(other)>)
            return (*this)(other);
          else
            return {};
        },
        action);
  }
  ApplyResult command(const SidecarCommand& command) {
    const auto address = parts().address(home(), command.pod);
    if (!address) return {Applied::kAgain, command.pod.name + " is gone, or has no address", Millis{200}};
    const auto reply = parts().sidecars.call(*address, "POST", command.path, command.body, command.at_most);
    parts().book.expire(command.pod.uid);
    if (!reply) return {Applied::kLater, command.pod.name + ": " + reply.error().detail, Millis{0}};
    const CommandVerdict verdict = verdict_of(*reply, command);
    if (verdict.refusal) parts().book.note_refusal(command.pod.uid, *verdict.refusal);
    return {verdict.what, command.pod.name + ": " + verdict.error, Millis{200}};
  }
};

bool Applier::may_write_status(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (status_writes_.size() > kMostBuckets) status_writes_.clear();
  return status_writes_.try_emplace(key, kStatusWritesPerSecond, kStatusBurst)
      .first->second.try_take(parts_.clock.steady());
}

namespace {

// The pod that an action is for; null when it is not for one.
const PodRef* pod_of(const Action& action) {
  return std::visit(
      [](const auto& each) -> const PodRef* {
        if constexpr (requires { each.pod; })
          return &each.pod;
        else
          return nullptr;
      },
      action);
}

// Neighbours of one company are done at the same time.
enum class Company : std::uint8_t { kNone, kPods, kFinalizerAndReload };

Company company_of(const Action& action) {
  if (pod_of(action) != nullptr) return Company::kPods;
  const auto* finalizer = std::get_if<AddFinalizer>(&action);
  const bool is_policys = finalizer != nullptr && finalizer->subject == Subject::kPolicy;
  return is_policys || std::holds_alternative<CreateReload>(action) ? Company::kFinalizerAndReload
                                                                    : Company::kNone;
}

// Actions of one line are done one after the other. Nobody waits for a refresh: a candidate that needs it
// starts in a later look.
std::string line_of(const Action& action) {
  const PodRef* pod = pod_of(action);
  if (pod != nullptr) return (std::holds_alternative<RefreshPod>(action) ? "refresh " : "") + pod->uid;
  return std::holds_alternative<AddFinalizer>(action) ? "finalizer" : "reload";
}

}  // namespace

ApplyResult Applier::apply_at_once(Run& run, const std::vector<Action>& actions, std::size_t first,
                                   std::size_t end) {
  std::map<std::string, std::vector<std::size_t>> lines;
  for (std::size_t i = first; i < end; ++i) lines[line_of(actions[i])].push_back(i);
  std::vector<const std::vector<std::size_t>*> lists;
  for (const auto& [name, list] : lines) lists.push_back(&list);
  std::vector<ApplyResult> results(end - first);
  for_all(lists.size(), kSidecarsAtOnce, [&](std::size_t each) {
    for (const std::size_t i : *lists[each]) {
      results[i - first] = run.act(actions[i]);
      if (results[i - first].what != Applied::kAll) return;  // what follows from it is not sent
    }
  });
  for (ApplyResult& result : results)
    if (result.what != Applied::kAll) return std::move(result);
  return {};
}

void Applier::give_back(const Run& run, const std::vector<Action>& actions, std::size_t end) const {
  std::string taken;
  for (std::size_t i = 0; i < end; ++i) {
    if (const auto* slot = std::get_if<TakeSlot>(&actions[i])) taken = slot->reload;
    const auto* status = std::get_if<PatchReloadStatus>(&actions[i]);
    if (status != nullptr && status->name == taken && status->status.start_time) return;  // it runs
  }
  if (!taken.empty() && parts_.cannot_start) parts_.cannot_start(run.home() + "/" + taken);
}

ApplyResult Applier::apply(const Observed& observed, const Plan& plan) {
  Run run{*this, observed};
  const auto& actions = plan.actions;
  for (std::size_t i = 0; i < actions.size();) {
    const Company company = company_of(actions[i]);
    std::size_t end = i + 1;
    while (company != Company::kNone && end < actions.size() && company_of(actions[end]) == company) ++end;
    ApplyResult result = end > i + 1 ? apply_at_once(run, actions, i, end) : run.act(actions[i]);
    if (result.what == Applied::kGiveUp) give_back(run, actions, i);
    if (result.what != Applied::kAll) return result;
    i = end;
  }
  return {};
}

}  // namespace sidestep::op
