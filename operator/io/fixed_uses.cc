#include "operator/io/fixed_uses.h"

#include <nlohmann/json.hpp>

#include "operator/io/views.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;

const Json& in(const Json& object, const char* key) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

std::string name_in(const Json& object, const char* key) {
  const Json& name = in(object, key);
  return name.is_string() ? name.get<std::string>() : std::string();
}

class Uses {
 public:
  explicit Uses(const Json& spec) : spec_(spec) {}

  void add(const Json& container) {
    who_ = "container " + name_in(container, "name") + ": ";
    for (const Json& each : in(container, "envFrom")) {
      found("ConfigMap", name_in(in(each, "configMapRef"), "name"), "envFrom");
      found("Secret", name_in(in(each, "secretRef"), "name"), "envFrom");
    }
    for (const Json& each : in(container, "env")) {
      const Json& from = in(each, "valueFrom");
      const std::string how = "env " + name_in(each, "name");
      found("ConfigMap", name_in(in(from, "configMapKeyRef"), "name"), how);
      found("Secret", name_in(in(from, "secretKeyRef"), "name"), how);
    }
    for (const Json& each : in(container, "volumeMounts")) {
      const std::string part = name_in(each, "subPath") + name_in(each, "subPathExpr");
      for (const Json& volume : in(spec_, "volumes"))
        if (name_in(volume, "name") == name_in(each, "name")) add_volume(volume, part);
    }
  }
  std::vector<FixedUse> take() { return std::move(uses_); }

 private:
  void add_volume(const Json& volume, const std::string& part) {
    if (!part.empty()) {
      found("ConfigMap", name_in(in(volume, "configMap"), "name"), "subPath " + part);
      found("Secret", name_in(in(volume, "secret"), "secretName"), "subPath " + part);
    }
    for (const Json& source : in(in(volume, "projected"), "sources")) {
      const std::string how = "projected volume " + name_in(volume, "name");
      found("ConfigMap", name_in(in(source, "configMap"), "name"), how);
      found("Secret", name_in(in(source, "secret"), "name"), how);
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
  for (const Json& container : in(pod_spec, "containers"))
    if (name_in(container, "name") != kSidecarContainer) uses.add(container);
  return uses.take();
}

}  // namespace sidestep::op
