#include "operator/api/reloader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "lib/k8s/json_fields.h"
#include "lib/policy/spec_triggers.h"

namespace sidestep::api {
namespace {

using Json = nlohmann::json;
using Names = std::set<std::string>;
using k8s::field;
using k8s::text_field;
using policy::SourceKind;

// "a, b" → a and b; what is no object's name is left out.
void add_names(const std::string& list, Names& out) {
  for (std::size_t from = 0; from < list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    std::string name = list.substr(from, comma - from);
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    if (policy::is_object_name(name)) out.insert(name);
    from = comma + 1;
  }
}

void add_name(const Json& reference, const char* key, Names& out) {
  const std::string name = text_field(reference, key);
  const bool is_somebody_elses = name == "kube-root-ca.crt" || name.starts_with("sidestep-");
  if (!is_somebody_elses && policy::is_object_name(name)) out.insert(name);
}

// What the containers and volumes of a PodSpec refer to.
Names references(const Json& spec, SourceKind kind) {
  const bool is_secret = kind == SourceKind::kSecret;
  Names names;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : field(spec, list)) {
      for (const Json& each : field(container, "envFrom"))
        add_name(field(each, is_secret ? "secretRef" : "configMapRef"), "name", names);
      for (const Json& each : field(container, "env"))
        add_name(field(field(each, "valueFrom"), is_secret ? "secretKeyRef" : "configMapKeyRef"), "name",
                 names);
    }
  }
  for (const Json& volume : field(spec, "volumes")) {
    add_name(field(volume, is_secret ? "secret" : "configMap"), is_secret ? "secretName" : "name", names);
    for (const Json& part : field(field(volume, "projected"), "sources"))
      add_name(field(part, is_secret ? "secret" : "configMap"), "name", names);
  }
  return names;
}

class Annotations {
 public:
  explicit Annotations(const Json& workload)
      : own_(field(field(workload, "metadata"), "annotations")),
        of_template_(field(field(field(field(workload, "spec"), "template"), "metadata"), "annotations")) {}

  std::string value(const std::string& prefix, const char* name) const {
    const std::string key = prefix + "reloader.stakater.com/" + name;
    const std::string own = text_field(own_, key.c_str());
    return own.empty() ? text_field(of_template_, key.c_str()) : own;
  }
  bool is_on(const std::string& prefix) const { return value(prefix, "auto") == "true"; }

 private:
  const Json& own_;
  const Json& of_template_;
};

void add_kind(const Json& workload, const Annotations& annotations, SourceKind kind,
              std::vector<policy::Source>& out) {
  const std::string kind_word = kind == SourceKind::kSecret ? "secret" : "configmap";
  Names names;
  if (annotations.is_on("") || annotations.is_on(kind_word + ".")) {
    names = references(field(field(field(workload, "spec"), "template"), "spec"), kind);
    Names excluded;
    add_names(annotations.value(kind_word + "s.exclude.", "reload"), excluded);
    for (const std::string& name : excluded) names.erase(name);
  }
  add_names(annotations.value(kind_word + ".", "reload"), names);
  std::size_t count = 0;
  for (const std::string& name : names)
    if (count++ < policy::kMostSources) out.push_back({kind, name, {}, {}});
}

}  // namespace

std::vector<policy::Source> reloader_sources(const Json& workload) {
  const Annotations annotations(workload);
  std::vector<policy::Source> sources;
  add_kind(workload, annotations, SourceKind::kConfigMap, sources);
  add_kind(workload, annotations, SourceKind::kSecret, sources);
  return sources;
}

void add_sources(std::vector<policy::Source>& sources, const std::vector<policy::Source>& more) {
  for (const policy::Source& source : more) {
    const auto same = [&](const policy::Source& each) { return each.text() == source.text(); };
    const auto alike = [&](const policy::Source& each) { return each.kind == source.kind; };
    const auto count = static_cast<std::size_t>(std::count_if(sources.begin(), sources.end(), alike));
    if (count < policy::kMostSources && std::none_of(sources.begin(), sources.end(), same))
      sources.push_back(source);
  }
}

}  // namespace sidestep::api
