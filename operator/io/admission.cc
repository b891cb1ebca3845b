#include "operator/io/admission.h"

#include <nlohmann/json.hpp>

#include "lib/k8s/base64.h"
#include "lib/k8s/json_fields.h"
#include "lib/policy/pod_inject.h"
#include "lib/policy/value_edit.h"

namespace sidestep::op {
namespace {

using k8s::field;
using k8s::Json;
using k8s::text_field;

constexpr std::size_t kMostWarnings = 10;  // the API server cuts what is longer
constexpr std::size_t kLongestWarning = 240;
constexpr int kDeepest = 66;  // of a pod's 64 (lib/policy/document.h) and the review around it

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
  const Json& meta = field(pod, "metadata");
  const std::string given = text_field(meta, "name");
  const std::string name = given.empty() ? text_field(meta, "generateName") : given;
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
  const Json& meta = field(object, "metadata");
  const Json& labels = field(meta, "labels");
  for (const auto& [key, value] : labels.items())
    if (labels.is_object() && value.is_string()) origin.labels[key] = value.get<std::string>();
  for (const Json& owner : field(meta, "ownerReferences")) {
    if (field(owner, "controller") != true) continue;
    origin.kind = text_field(owner, "kind");
    origin.name = text_field(owner, "name");
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
  const Json& request = field(review, "request");
  const std::string uid = text_field(request, "uid");
  if (uid.empty() || text_field(review, "kind") != "AdmissionReview")
    return invalid("the body is no AdmissionReview of admission.k8s.io/v1 with request.uid");
  Json response = {{"allowed", true}};
  const Json& pod = field(request, "object");
  if (text_field(field(request, "kind"), "kind") == "Pod" && pod.is_object() && !pod.empty())
    response = answer_for(pod, text_field(request, "namespace"), sidecar_image, policies);
  response["uid"] = uid;
  return Json({{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", response}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sidestep::op
