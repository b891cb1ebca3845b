#include "operator/io/fixed_uses.h"

#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"
#include "lib/policy/pod_judge.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

class Uses {
 public:
  explicit Uses(const Json& spec) : spec_(spec) {}

  void add(const Json& container) {
    who_ = "container " + text_field(container, "name") + ": ";
    for (const Json& each : field(container, "envFrom")) {
      found("ConfigMap", text_field(field(each, "configMapRef"), "name"), "envFrom");
      found("Secret", text_field(field(each, "secretRef"), "name"), "envFrom");
    }
    for (const Json& each : field(container, "env")) {
      const Json& from = field(each, "valueFrom");
      const std::string how = "env " + text_field(each, "name");
      found("ConfigMap", text_field(field(from, "configMapKeyRef"), "name"), how);
      found("Secret", text_field(field(from, "secretKeyRef"), "name"), how);
    }
    for (const Json& each : field(container, "volumeMounts")) {
      const std::string part = text_field(each, "subPath") + text_field(each, "subPathExpr");
      for (const Json& volume : field(spec_, "volumes"))
        if (text_field(volume, "name") == text_field(each, "name")) add_volume(volume, part);
    }
  }
  std::vector<FixedUse> take() { return std::move(uses_); }

 private:
  void add_volume(const Json& volume, const std::string& part) {
    if (!part.empty()) {
      found("ConfigMap", text_field(field(volume, "configMap"), "name"), "subPath " + part);
      found("Secret", text_field(field(volume, "secret"), "secretName"), "subPath " + part);
    }
    for (const Json& source : field(field(volume, "projected"), "sources")) {
      const std::string how = "projected volume " + text_field(volume, "name");
      found("ConfigMap", text_field(field(source, "configMap"), "name"), how);
      found("Secret", text_field(field(source, "secret"), "name"), how);
    }
  }
  void found(const char* kind, const std::string& name, const std::string& how) {
    const bool is_clusters_own = name == "kube-root-ca.crt";  // every pod has it for its account
    if (name.empty() || is_clusters_own || uses_.size() >= kMostFixedUses) return;
    uses_.push_back({std::string(kind) + "/" + name, who_ + how});
  }

  const Json& spec_;
  std::string who_;
  std::vector<FixedUse> uses_;
};

}  // namespace

std::vector<FixedUse> fixed_uses(const Json& pod_spec) {
  Uses uses(pod_spec);
  for (const Json& container : field(pod_spec, "containers"))
    if (text_field(container, "name") != policy::kSidecarContainer) uses.add(container);
  return uses.take();
}

}  // namespace sidestep::op
