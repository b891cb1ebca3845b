// Answers of the mutating webhook (admission.k8s.io/v1, AdmissionReview): a pod that is being made gets the
// sidecar (lib/policy/pod_inject.h), or is refused with the line to add. Pure but for the lookup of policies;
// any thread.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lib/k8s/client.h"
#include "lib/policy/spec.h"

namespace sidestep::op {

// The workload that a pod belongs to, as a policy's targetRef would name it, and the pod's labels.
struct PodOrigin {
  std::string name_space;
  std::string kind;  // Deployment, StatefulSet, DaemonSet; "" for a bare pod
  std::string name;
  std::map<std::string, std::string> labels;
};
// `object` is a pod, perhaps without a name yet. Of a ReplicaSet's pod the Deployment is read from the label
// pod-template-hash.
PodOrigin origin_of(const k8s::Json& object, const std::string& name_space);

struct FoundPolicy {
  std::string name;
  policy::PolicySpec spec;
};
using PolicyLookup = std::function<std::optional<FoundPolicy>(const PodOrigin& origin)>;

// The AdmissionReview to answer with. Error: the body is none.
Result<std::string> answer_review(const std::string& body, const std::string& sidecar_image,
                                  const PolicyLookup& policies);

}  // namespace sidestep::op
