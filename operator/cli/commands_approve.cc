// The verb approve. The API server sees to it that a user approves under the own name alone, and may
// (manifests/base/admission.yaml); this only writes the annotation.
#include <nlohmann/json.hpp>

#include "operator/api/wire.h"
#include "operator/cli/commands.h"

namespace sidestep::op::cli {
namespace {

const k8s::Resource kSelfReviews{"authentication.k8s.io/v1", "selfsubjectreviews"};

// Approval is asked for what stands in the status, so the operator must have looked at it.
Status may_be_approved(const api::Reload& reload) {
  const std::string name = "reload " + reload.meta.name;
  if (api::is_final(reload.status.phase))
    return refused(name + " is over: " + std::string(api::to_string(reload.status.phase)));
  if (reload.status.start_time) return refused(name + " has started already");
  if (reload.status.conditions.empty())
    return refused("the operator has not looked at " + name + " yet; try again");
  if (api::find_condition(reload.status.conditions, "Approved") == nullptr)
    return refused(name + " asks for no approval: spec.guards.approvals is not set in policy " +
                   reload.spec.policy);
  return {};
}

std::string subject_text(const api::Reload& reload) {
  std::string text = "  policy " + reload.spec.policy;
  if (!reload.spec.reason.empty()) text += ", " + reload.spec.reason;
  if (!reload.status.config_hash.empty())
    text += "\n  ConfigMaps and Secrets as of " + reload.status.config_hash;
  return text + "\n";
}

}  // namespace

Result<std::string> Commands::own_user_name() {
  const k8s::Json asked = {{"apiVersion", kSelfReviews.group_version}, {"kind", "SelfSubjectReview"}};
  const auto found = client_.create({kSelfReviews, "", ""}, asked);
  if (!found) return found.error();
  const std::string user = found->value(k8s::Json::json_pointer("/status/userInfo/username"), "");
  if (user.empty()) return refused("the API server does not say who you are");
  return user;
}

// The Reload of that name, or the newest that waits for the policy of that name.
Result<api::Reload> Commands::find_waiting() {
  auto by_name = get_reload(options_.name);
  if (by_name || by_name.error().kind != ErrorKind::kNotFound) return by_name;
  const auto reloads = reloads_of(options_.name);
  if (!reloads) return reloads.error();
  const api::Reload* newest = nullptr;
  for (const api::Reload& each : *reloads) {
    const bool waits = !api::is_final(each.status.phase) && !each.status.start_time;
    const bool is_newer = newest == nullptr || newest->meta.creation_time < each.meta.creation_time;
    if (waits && is_newer) newest = &each;
  }
  if (newest == nullptr)
    return refused("there is no Reload " + options_.name + " in namespace " + options_.name_space +
                   ", and none of a policy of that name waits");
  return *newest;
}

Exit Commands::approve() {
  const auto reload = find_waiting();
  if (!reload) return fail(reload.error());
  if (const auto may = may_be_approved(*reload); !may) return fail(may.error());
  const auto user = own_user_name();
  if (!user) return fail(user.error());
  const k8s::Json value = options_.withdraw ? k8s::Json() : k8s::Json(*user);
  const k8s::Json patch = {
      {"metadata", {{"uid", reload->meta.uid}, {"annotations", {{api::approval_key(*user), value}}}}}};
  const auto written = client_.merge_patch(reload_ref(reload->meta.name), patch);
  if (!written) return fail(written.error());
  around_.out("reload/" + reload->meta.name + (options_.withdraw ? " no longer" : "") + " approved by " +
              *user + "\n" + subject_text(*reload));
  return Exit::kSucceeded;
}

}  // namespace sidestep::op::cli
