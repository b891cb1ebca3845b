#include "operator/io/admission.h"

#include <nlohmann/json.hpp>

#include "lib/k8s/base64.h"
#include "lib/policy/pod_inject.h"
#include "lib/policy/value_edit.h"

namespace sidestep::op {
namespace {

using k8s::Json;

constexpr std::size_t kMostWarnings = 10;  // the API server cuts what is longer
constexpr std::size_t kLongestWarning = 240;
constexpr int kDeepest = 66;  // of a pod's 64 (lib/policy/document.h) and the review around it

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json member_in(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_object() ? *found : Json::object();
}

Json refusal_of(const std::string& text) {
  return {{"allowed", false}, {"status", {{"code", 422}, {"reason", "Invalid"}, {"message", text}}}};
}

Json warnings_of(const policy::Injection& made) {
  Json warnings = Json::array();
  for (const auto* list : {&made.warnings, &made.notes}) {
    for (const policy::Finding& each : *list) {
      if (warnings.size() == kMostWarnings) break;
      warnings.push_back(("sidestep: " + each.message()).substr(0, kLongestWarning));
    }
  }
  return warnings;
}

Json answer_for(const Json& pod, const std::string& name_space, const std::string& image,
                const PolicyLookup& policies) {
  const auto tree = policy::parse_document(pod.dump(), "pod");
  if (!tree) return refusal_of("sidestep cannot read this pod: " + tree.error().detail);
  const Json meta = member_in(pod, "metadata");
  const std::string name =
      text_in(meta, "name").empty() ? text_in(meta, "generateName") : text_in(meta, "name");
  const auto known = policies(origin_of(pod, name_space));
  const policy::InjectSettings settings{.image = image,
                                        .place = "Pod/" + name + ": ",
                                        .policy = known ? &known->spec : nullptr,
                                        .policy_name = known ? known->name : "",
                                        .admits_weaker_probe = true,
                                        .admits_unpinned = true};
  const policy::Injection made = policy::inject_pod(*tree, settings);
  if (!made.pod_template) {
    std::string text = "sidestep cannot be put into this pod (label sidestep.dev/inject):";
    for (const policy::Finding& each : made.refusals) text += "\n" + each.message();
    return refusal_of(text);
  }
  Json response = {{"allowed", true}};
  if (!made.is_changed) return response;
  const Json patch = Json::diff(pod, Json::parse(policy::json_text(*made.pod_template)));
  response["patchType"] = "JSONPatch";
  response["patch"] = k8s::base64_encode(patch.dump());
  if (Json warnings = warnings_of(made); !warnings.empty()) response["warnings"] = std::move(warnings);
  return response;
}

}  // namespace

PodOrigin origin_of(const k8s::Json& object, const std::string& name_space) {
  PodOrigin origin{name_space, "", "", {}};
  const Json meta = member_in(object, "metadata");
  const Json labels = member_in(meta, "labels");
  for (const auto& [key, value] : labels.items())
    if (value.is_string()) origin.labels[key] = value.get<std::string>();
  const Json owners = meta.value("ownerReferences", Json::array());
  for (const Json& owner : owners.is_array() ? owners : Json::array()) {
    if (!owner.is_object() || !owner.contains("controller") || owner["controller"] != true) continue;
    origin.kind = text_in(owner, "kind");
    origin.name = text_in(owner, "name");
  }
  const std::string hash = "-" + origin.labels["pod-template-hash"];
  if (origin.kind == "ReplicaSet" && origin.name.ends_with(hash) && hash.size() > 1) {
    origin.kind = "Deployment";
    origin.name.resize(origin.name.size() - hash.size());
  }
  return origin;
}

Result<std::string> answer_review(const std::string& body, const std::string& sidecar_image,
                                  const PolicyLookup& policies) {
  bool is_deep = false;  // what walks and copies it is recursive
  const auto look = [&is_deep](int depth, Json::parse_event_t, Json&) {
    is_deep = is_deep || depth > kDeepest;
    return !is_deep;
  };
  const Json review = Json::parse(body, look, false);
  if (is_deep) return invalid("the review is nested deeper than " + std::to_string(kDeepest) + " levels");
  const Json request = member_in(review, "request");
  const std::string uid = text_in(request, "uid");
  if (uid.empty() || text_in(review, "kind") != "AdmissionReview")
    return invalid("the body is no AdmissionReview of admission.k8s.io/v1 with request.uid");
  Json response = {{"allowed", true}};
  const Json pod = member_in(request, "object");
  if (text_in(member_in(request, "kind"), "kind") == "Pod" && !pod.empty())
    response = answer_for(pod, text_in(request, "namespace"), sidecar_image, policies);
  response["uid"] = uid;
  return Json({{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", response}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sidestep::op
