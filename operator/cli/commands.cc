#include "operator/cli/commands.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/policy/signature.h"
#include "operator/api/reloader.h"
#include "operator/api/wire.h"
#include "operator/cli/render.h"

namespace sidestep::op::cli {
namespace {

const k8s::Resource kPolicies{api::kGroupVersion, "reloadpolicies"};
const k8s::Resource kReloads{api::kGroupVersion, "reloads"};
constexpr Millis kLook{250};  // between two looks at a run

std::string plural_of(const std::string& kind) {
  if (kind == "StatefulSet") return "statefulsets";
  return kind == "DaemonSet" ? "daemonsets" : "deployments";
}

}  // namespace

Exit exit_of(const api::ReloadStatus& status, bool aborting) {
  if (status.phase == api::ReloadPhase::kSucceeded) return aborting ? Exit::kFailed : Exit::kSucceeded;
  if (status.phase == api::ReloadPhase::kAborted && aborting) return Exit::kSucceeded;
  return status.end_reason == "Superseded" ? Exit::kRefused : Exit::kFailed;
}

Exit exit_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound:
      return Exit::kUsage;
    case ErrorKind::kConflict:
    case ErrorKind::kRefused:
      return Exit::kRefused;
    case ErrorKind::kUnavailable:
    case ErrorKind::kLimit:
    case ErrorKind::kSystem:
    case ErrorKind::kProtocol:
      return Exit::kUnreachable;
  }
  return Exit::kUnreachable;
}

Commands::Commands(k8s::Client& client, Options options, Surroundings surroundings)
    : client_(client), options_(std::move(options)), around_(std::move(surroundings)) {
  if (options_.as_json) return;
  around_.out = [out = std::move(around_.out)](const std::string& text) {
    const bool clears = text.starts_with(kClear);
    out(clears ? kClear + plain(std::string_view(text).substr(std::string_view(kClear).size()))
               : plain(text));
  };
  around_.notes = [notes = std::move(around_.notes)](const std::string& line) { notes(plain(line)); };
}

Exit Commands::fail(const Error& error) {
  around_.notes("error: " + error.detail);
  return exit_of(error);
}

k8s::ObjectRef Commands::policy_ref(const std::string& name) const {
  return {kPolicies, options_.name_space, name};
}
k8s::ObjectRef Commands::reload_ref(const std::string& name) const {
  return {kReloads, options_.name_space, name};
}

Result<api::ReloadPolicy> Commands::get_policy(const std::string& name) {
  const auto object = client_.get(policy_ref(name));
  if (!object) return object.error();
  return api::policy_from_json(*object);
}

Result<api::Reload> Commands::get_reload(const std::string& name) {
  const auto object = client_.get(reload_ref(name));
  if (!object) return object.error();
  return api::reload_from_json(*object);
}

Result<k8s::Json> Commands::get_workload(const policy::TargetRef& target) {
  return client_.get({{target.api_version, plural_of(target.kind)}, options_.name_space, target.name});
}

Result<std::vector<api::Reload>> Commands::reloads_of(const std::string& policy) {
  std::vector<api::Reload> found;
  const auto listed = client_.list(
      reload_ref(""), {},
      [&](k8s::Json&& object) {
        auto reload = api::reload_from_json(object);
        if (reload && reload->spec.policy == policy) found.push_back(*std::move(reload));
      },
      [&found] { found.clear(); });
  if (!listed) return listed.error();
  return found;
}

Exit Commands::run() {
  switch (options_.verb) {
    case Verb::kStatus:
      return watch_status();
    case Verb::kReload:
      return reload();
    case Verb::kPromote:
      return promote();
    case Verb::kAbort:
      return steer(api::kAbortAnnotation, options_.reason.empty() ? "true" : options_.reason, true);
    case Verb::kPause:
      return steer(api::kPauseAnnotation, "true", false);
    case Verb::kResume:
      return steer(api::kPauseAnnotation, nullptr, false);
    case Verb::kSkipStep:
      return skip_step();
    case Verb::kRetry:
      return retry();
    case Verb::kApprove:
      return approve();
    case Verb::kUndo:
      return undo();
    case Verb::kRbac:
      return rbac();
    case Verb::kHistory:
      return history();
    case Verb::kWhy:
      return why();
    case Verb::kSupportBundle:
      return support_bundle();
    case Verb::kUninstallCheck:
      return uninstall_check();
    case Verb::kUninstallPrepare:
      return uninstall_prepare();
  }
  return Exit::kUsage;
}

Exit Commands::rbac() {
  const auto policy = get_policy(options_.name);
  if (!policy) return fail(policy.error());
  auto named = *policy;
  const auto& target = policy->spec.target_ref;
  if (policy->spec.triggers.honors_reloader && target) {
    const auto workload = get_workload(*target);
    if (!workload) return fail(workload.error());
    api::add_sources(named.spec.triggers.sources, api::reloader_sources(*workload));
  }
  const std::string roles = rbac_yaml(named, options_.account);
  if (roles.empty())
    around_.notes("policy " + options_.name + " names no ConfigMaps or Secrets; it needs no Role");
  else
    around_.out(roles);
  return Exit::kSucceeded;
}

Exit Commands::reload() {
  const auto policy = get_policy(options_.name);
  if (!policy) return fail(policy.error());
  if (policy->spec.suspend)
    return fail(refused("policy " + options_.name + " is suspended; set spec.suspend to false"));
  const std::string token = options_.token.empty() ? policy::random_hex(8) : options_.token;
  if (!options_.token.empty()) {  // the same token again is the same reload
    const auto known = reloads_of(options_.name);
    if (!known) return fail(known.error());
    for (const api::Reload& each : *known)
      if (each.spec.token == token && each.spec.pod == options_.pod) return await(each.meta.name);
  }
  return create_reload({options_.name, token,
                        options_.reason.empty() ? "kubectl sidestep reload" : options_.reason, options_.pod});
}

Exit Commands::undo() {
  const auto policy = get_policy(options_.name);
  if (!policy) return fail(policy.error());
  if (!policy::has_pinned(policy->spec.triggers))
    return fail(
        refused("policy " + options_.name +
                " pins nothing, so no content is kept to go back to; write mode: Pinned in spec.triggers"));
  if (policy->spec.suspend)
    return fail(refused("policy " + options_.name + " is suspended; set spec.suspend to false"));
  return create_reload({options_.name, policy::random_hex(8),
                        options_.reason.empty() ? "kubectl sidestep undo" : options_.reason, "",
                        api::ReloadContent::kPrevious});
}

Exit Commands::create_reload(api::ReloadSpec spec) {
  const std::string name = options_.name.substr(0, 240) + "-" + policy::random_hex(5);
  const auto made = client_.create(reload_ref(""), api::new_reload_json(options_.name_space, name, spec));
  if (!made) return fail(made.error());
  if (options_.wait) return await(name);
  around_.out(options_.as_json ? made->dump(2) + "\n" : "reload/" + name + " created\n");
  return Exit::kSucceeded;
}

Result<api::Reload> Commands::find_running() {
  auto by_name = get_reload(options_.name);
  if (by_name || by_name.error().kind != ErrorKind::kNotFound) {
    if (by_name && api::is_final(by_name->status.phase))
      return refused("reload " + options_.name +
                     " is over: " + std::string(api::to_string(by_name->status.phase)));
    return by_name;
  }
  const auto reloads = reloads_of(options_.name);
  if (!reloads) return reloads.error();
  for (const api::Reload& each : *reloads)
    if (!api::is_final(each.status.phase) && each.status.phase != api::ReloadPhase::kPending) return each;
  for (const api::Reload& each : *reloads)
    if (!api::is_final(each.status.phase)) return each;
  if (const auto policy = get_policy(options_.name); !policy && policy.error().kind == ErrorKind::kNotFound)
    return not_found("neither a Reload nor a ReloadPolicy is called " + options_.name + " in namespace " +
                     options_.name_space);
  return refused("no reload of " + options_.name + " is running");
}

Exit Commands::annotate(const api::Reload& reload, const char* annotation, const k8s::Json& value,
                        bool to_the_end) {
  const k8s::Json patch = {{"metadata", {{"annotations", {{annotation, value}}}}}};
  const auto written = client_.merge_patch(reload_ref(reload.meta.name), patch);
  if (!written) return fail(written.error());
  if (to_the_end && options_.wait) return await(reload.meta.name);
  around_.out("reload/" + reload.meta.name + " annotated\n");
  return Exit::kSucceeded;
}

Exit Commands::steer(const char* annotation, const k8s::Json& value, bool to_the_end) {
  const auto running = find_running();
  if (!running) return fail(running.error());
  return annotate(*running, annotation, value, to_the_end);
}

Exit Commands::promote() {
  const char* how = options_.force ? "force" : options_.full ? "full" : "true";
  return steer(api::kPromoteAnnotation, how, true);
}

Exit Commands::skip_step() {
  const auto running = find_running();
  if (!running) return fail(running.error());
  if (running->status.step == 0) return fail(refused("reload " + running->meta.name + " is in no step yet"));
  return annotate(*running, api::kSkipStepAnnotation, std::to_string(running->status.step), false);
}

// The operator makes the new Reload, whose name follows from the token (operator/core/commands.h).
Exit Commands::retry() {
  const auto policy = get_policy(options_.name);
  if (!policy) return fail(policy.error());
  const auto reloads = reloads_of(options_.name);
  if (!reloads) return fail(reloads.error());
  const api::Reload* last = nullptr;
  for (const api::Reload& each : *reloads) {
    if (!api::is_final(each.status.phase))
      return fail(refused("reload " + each.meta.name + " is not over; abort it first"));
    if (last == nullptr || last->status.end_time < each.status.end_time) last = &each;
  }
  if (last == nullptr) return fail(refused("policy " + options_.name + " has no reload to try again"));
  if (last->status.phase == api::ReloadPhase::kSucceeded)
    return fail(refused("the last reload, " + last->meta.name + ", succeeded; start another one"));
  const std::string name =
      api::reload_name(policy->meta.name, policy->meta.uid, api::retry_token(last->meta.uid));
  const Exit asked = annotate(*last, api::kRetryAnnotation, "true", false);
  if (asked != Exit::kSucceeded || !options_.wait) return asked;
  for (const TimePoint give_up = around_.clock.steady() + kApiPatience; around_.clock.steady() < give_up;) {
    const auto made = get_reload(name);
    if (made || made.error().kind != ErrorKind::kNotFound) return await(name);
    around_.wait(kLook);
  }
  return fail(unavailable("the operator did not make reload " + name + "; see kubectl sidestep status " +
                          options_.name));
}

Exit Commands::await(const std::string& reload_name) {
  const TimePoint give_up = around_.clock.steady() + options_.timeout;
  TimePoint heard = around_.clock.steady();
  std::string last;
  while (true) {
    const auto object = client_.get(reload_ref(reload_name));
    const TimePoint now = around_.clock.steady();
    if (object) {
      heard = now;
      const auto reload = api::reload_from_json(*object);
      if (!reload) return fail(reload.error());
      if (api::is_final(reload->status.phase)) {
        around_.out(options_.as_json ? object->dump(2) + "\n" : receipt_text(*reload));
        return exit_of(reload->status, options_.verb == Verb::kAbort);
      }
      std::string line = progress_line(*reload);
      if (line != last) around_.notes(line);
      last = std::move(line);
    } else if (exit_of(object.error()) != Exit::kUnreachable || now - heard > kApiPatience) {
      return fail(object.error());
    }
    if (now >= give_up)
      return fail(unavailable("reload " + reload_name +
                              " did not end in time; it goes on. Now: " + (last.empty() ? "unknown" : last)));
    around_.wait(kLook);
  }
}

}  // namespace sidestep::op::cli
