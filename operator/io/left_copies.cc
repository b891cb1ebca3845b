#include "operator/io/left_copies.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"
#include "lib/policy/pins.h"
#include "operator/api/pinned.h"
#include "operator/io/pins.h"

namespace sidestep::op {
namespace {

using k8s::field;
using k8s::Json;
using k8s::text_field;

// What is new when it differs: other sources, or another policy of the name.
std::string subject_of(const Observed& observed, const std::vector<policy::Source>& sources) {
  std::string text = observed.policy->meta.uid;
  for (const policy::Source& source : sources) text += "\n" + source.text();
  return text;
}

// Of "ConfigMap/name".
k8s::ObjectRef ref_of(const Observed& observed, const std::string& object) {
  const auto slash = object.find('/');
  return {{"v1", object.starts_with("Secret/") ? "secrets" : "configmaps"},
          observed.name_space,
          object.substr(slash + 1)};
}

bool is_ours(const Observed& observed, const policy::Source& source, const Json& object) {
  const Json& metadata = field(object, "metadata");
  if (text_field(field(metadata, "annotations"), kCopyOfAnnotation) != source.text()) return false;
  const Json& owners = field(metadata, "ownerReferences");
  return std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
    return text_field(owner, "kind") == "ReloadPolicy" &&
           text_field(owner, "uid") == observed.policy->meta.uid;
  });
}

bool has_problem(const LeftPin& pin) { return !pin.problem.empty(); }

}  // namespace

LeftPin LeftCopies::read(const Observed& observed, const policy::Source& source) {
  LeftPin pin{source};
  for (const auto copy : {policy::Copy::kKept, policy::Copy::kStaged, policy::Copy::kPrevious}) {
    const std::string name =
        std::string(to_string(source.kind)) + "/" + policy::copy_name(observed.policy_name, source, copy);
    const auto object = client_.get(ref_of(observed, name));
    if (!object && object.error().kind == ErrorKind::kNotFound) continue;
    if (!object) {
      pin.problem = object.error().detail;
      pin.is_forbidden = object.error().kind == ErrorKind::kRefused;
      return pin;
    }
    if (!is_ours(observed, source, *object)) continue;
    const Json& metadata = field(*object, "metadata");
    pin.copies.push_back({name, text_field(metadata, "uid"), text_field(metadata, "resourceVersion")});
  }
  pin.is_known = true;
  return pin;
}

std::vector<LeftPin> LeftCopies::look(const Observed& observed) {
  const std::string key = observed.key();
  const auto sources = api::unpinned_sources(*observed.policy);
  if (sources.empty()) return forget(key), std::vector<LeftPin>{};
  const std::string subject = subject_of(observed, sources);
  const TimePoint now = clock_.steady();
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.sources == subject) {
      const auto& left = found->second.left;
      const bool is_hindered = std::any_of(left.begin(), left.end(), has_problem);
      if (now - found->second.read_at < (is_hindered ? after_problem_ : again_)) return left;
    }
  }
  std::vector<LeftPin> left;
  for (const policy::Source& source : sources) left.push_back(read(observed, source));
  const std::lock_guard lock(mutex_);
  kept_[key] = {subject, left, now};
  return left;
}

LeftPin* LeftCopies::pin_of(const std::string& policy_key, const RemoveCopy& removal) {
  const auto found = kept_.find(policy_key);
  if (found == kept_.end()) return nullptr;
  for (LeftPin& pin : found->second.left)
    if (std::find(pin.copies.begin(), pin.copies.end(), removal.copy) != pin.copies.end()) return &pin;
  return nullptr;
}

Status LeftCopies::remove(const Observed& observed, const RemoveCopy& removal) {
  const std::string key = observed.key();
  const Json only = {
      {"apiVersion", "v1"},
      {"kind", "DeleteOptions"},
      {"preconditions", {{"uid", removal.copy.uid}, {"resourceVersion", removal.copy.version}}}};
  k8s::Request request{.method = "DELETE",
                       .target = k8s::target_of(ref_of(observed, removal.copy.object)),
                       .headers = {{"Content-Type", "application/json"}},
                       .body = only.dump()};
  const auto gone = client_.call(std::move(request), "delete " + removal.copy.object);
  const bool is_gone = gone || gone.error().kind == ErrorKind::kNotFound;
  const bool is_forbidden = !is_gone && gone.error().kind == ErrorKind::kRefused;
  if (!is_gone && !is_forbidden) return forget(key), gone.error();
  if (gone) log::info("a copy was removed", {{"policy", key}, {"object", removal.copy.object}});
  const std::lock_guard lock(mutex_);
  LeftPin* pin = pin_of(key, removal);
  if (pin == nullptr) return {};
  if (is_gone) {
    std::erase(pin->copies, removal.copy);
  } else {
    pin->is_known = false;  // until it is read again
    pin->is_forbidden = true;
    pin->problem = gone.error().detail;
  }
  return {};
}

void LeftCopies::forget(const std::string& policy_key) {
  const std::lock_guard lock(mutex_);
  kept_.erase(policy_key);
}

}  // namespace sidestep::op
