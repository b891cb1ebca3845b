// The verb why: of a policy, a Reload, or a pod (pod/NAME).
#include <nlohmann/json.hpp>

#include "operator/api/wire.h"
#include "operator/cli/commands.h"
#include "operator/cli/render.h"
#include "operator/cli/why.h"

namespace sidestep::op::cli {
namespace {
constexpr std::string_view kPodPrefix = "pod/";
}  // namespace

Exit Commands::why() {
  if (options_.name.starts_with(kPodPrefix)) return why_pod(options_.name.substr(kPodPrefix.size()));
  std::string name = options_.name;
  const auto reload = get_reload(name);
  if (!reload && reload.error().kind != ErrorKind::kNotFound) return fail(reload.error());
  if (reload && api::is_final(reload->status.phase)) {
    around_.out(receipt_text(*reload));
    return Exit::kSucceeded;
  }
  if (reload) name = reload->spec.policy;
  const auto policy = get_policy(name);
  if (!policy && policy.error().kind == ErrorKind::kNotFound)
    return fail(not_found(reload ? "reload " + options_.name + " waits: there is no ReloadPolicy " + name
                                 : "neither a Reload nor a ReloadPolicy is called " + name +
                                       " in namespace " + options_.name_space + "; a pod is pod/NAME"));
  if (!policy) return fail(policy.error());
  const auto reloads = reloads_of(name);
  if (!reloads) return fail(reloads.error());
  around_.out(why_text(*policy, *reloads));
  return Exit::kSucceeded;
}

Exit Commands::why_pod(const std::string& name) {
  const auto pod = client_.get({{"v1", "pods"}, options_.name_space, name});
  if (!pod) return fail(pod.error());
  std::vector<api::ReloadPolicy> policies;
  const auto listed = client_.list(
      policy_ref(""), {},
      [&](k8s::Json&& object) {
        if (auto policy = api::policy_from_json(object)) policies.push_back(*std::move(policy));
      },
      [&policies] { policies.clear(); });
  if (!listed) return fail(listed.error());
  const api::ReloadPolicy* policy = policy_of_pod(*pod, policies);
  if (policy == nullptr) {
    around_.out("no ReloadPolicy in namespace " + options_.name_space + " steers pod " + name +
                "; one whose targetRef is its workload, or whose selector matches, would\n");
    return Exit::kSucceeded;
  }
  const auto reloads = reloads_of(policy->meta.name);
  if (!reloads) return fail(reloads.error());
  around_.out("policy " + policy->meta.name + " steers it\n" + why_pod_text(*pod, *reloads) +
              why_text(*policy, *reloads));
  return Exit::kSucceeded;
}

}  // namespace sidestep::op::cli
