#include "operator/io/pins.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "lib/k8s/json_fields.h"
#include "operator/core/triggers.h"
#include "operator/io/sources.h"

namespace sidestep::op {
namespace {

using k8s::Json;
using policy::Copy;

const std::vector<policy::Source>& sources_of(const Observed& observed) {
  return observed.policy->spec.triggers.sources;
}

k8s::ObjectRef ref_of_object(const Observed& observed, const policy::Source& source, std::string name) {
  return {{"v1", source.kind == policy::SourceKind::kSecret ? "secrets" : "configmaps"},
          observed.name_space,
          std::move(name)};
}

k8s::ObjectRef ref_of_copy(const Observed& observed, std::size_t source, Copy copy) {
  const policy::Source& of = sources_of(observed)[source];
  return ref_of_object(observed, of, policy::copy_name(observed.policy_name, of, copy));
}

std::string annotation_of(const Json& object, const char* key) {
  return k8s::text_field(k8s::field(k8s::field(object, "metadata"), "annotations"), key);
}

// What is new when it differs: other sources, or another policy of the name.
std::string subject_of(const Observed& observed) {
  std::string text = observed.policy->meta.uid;
  for (const policy::Source& source : sources_of(observed))
    text += (source.is_pinned() ? "\n+" : "\n") + source.text();
  return text;
}

// Decide anew from what is then known.
Error out_of_date(std::string detail) {
  return {ErrorKind::kConflict, Fault::kCluster, Retry::kSafe, std::move(detail)};
}

ObservedCopy ObservedPin::*member_of_copy(Copy copy) {
  switch (copy) {
    case Copy::kKept:
      return &ObservedPin::kept;
    case Copy::kStaged:
      return &ObservedPin::staged;
    case Copy::kPrevious:
      return &ObservedPin::previous;
  }
  return &ObservedPin::kept;
}

}  // namespace

// An object that does not exist is read as one that is empty.
Result<Json> PinKeeper::read(const k8s::ObjectRef& ref) {
  auto object = client_.get(ref);
  if (!object && object.error().kind == ErrorKind::kNotFound) return Json::object();
  return object;
}

ObservedPins PinKeeper::look(const Observed& observed) {
  const std::string key = observed.key();
  const std::string subject = subject_of(observed);
  if (!policy::has_pinned(observed.policy->spec.triggers)) return forget(key), ObservedPins{};
  const TimePoint now = clock_.steady();
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.sources == subject && now - found->second.read_at < again_)
      return found->second.pins;
  }
  ObservedPins pins;
  for (std::size_t i = 0; i < sources_of(observed).size(); ++i) {
    if (!sources_of(observed)[i].is_pinned()) continue;
    ObservedPin pin{i};
    for (const Copy copy : {Copy::kKept, Copy::kStaged, Copy::kPrevious}) {
      const auto object = read(ref_of_copy(observed, i, copy));
      if (!object) return {false, {}, object.error().detail, object.error().kind == ErrorKind::kRefused};
      pin.*member_of_copy(copy) = {annotation_of(*object, kCopyMakerAnnotation),
                                   annotation_of(*object, kCopyHashAnnotation),
                                   digests_of(sources_of(observed)[i].kind, *object)};
    }
    pins.pins.push_back(std::move(pin));
  }
  pins.is_known = true;
  const std::lock_guard lock(mutex_);
  kept_[key] = {subject, pins, now};
  return pins;
}

void PinKeeper::forget(const std::string& policy_key) {
  const std::lock_guard lock(mutex_);
  kept_.erase(policy_key);
}

void PinKeeper::note(const Observed& observed, std::size_t source, Copy copy, ObservedCopy about) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(observed.key());
  if (found == kept_.end()) return;
  for (ObservedPin& pin : found->second.pins.pins)
    if (pin.source == source) pin.*member_of_copy(copy) = std::move(about);
}

Status PinKeeper::write(const Observed& observed, std::size_t source, Copy copy, const ObservedCopy& about,
                        const Json& content) {
  const policy::Source& of = sources_of(observed)[source];
  const k8s::ObjectRef ref = ref_of_copy(observed, source, copy);
  Json object = {{"apiVersion", "v1"},
                 {"kind", to_string(of.kind)},
                 {"metadata",
                  {{"name", ref.name},
                   {"namespace", ref.name_space},
                   {"annotations",
                    {{kCopyOfAnnotation, of.text()},
                     {kCopyMakerAnnotation, about.maker},
                     {kCopyHashAnnotation, about.hash}}},
                   {"ownerReferences",
                    {{{"apiVersion", api::kGroupVersion},
                      {"kind", "ReloadPolicy"},
                      {"name", observed.policy_name},
                      {"uid", observed.policy->meta.uid}}}}}}};
  for (const char* part : {"data", "binaryData"})
    if (content.contains(part) && content[part].is_object()) object[part] = content[part];
  const auto written = client_.apply(ref, object);
  if (!written) return forget(observed.key()), written.error();
  note(observed, source, copy, about);
  return {};
}

Status PinKeeper::copy_sources(const Observed& observed, const CopySources& action) {
  auto contents = observed.sources.contents;
  const std::string key = hash_key_();
  const auto& sources = sources_of(observed);
  if (contents.size() != sources.size() || key.empty())
    return out_of_date("the pinned sources are not known yet");
  std::vector<Json> objects(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!sources[i].is_pinned()) continue;
    auto object = read(ref_of_object(observed, sources[i], sources[i].name));
    if (!object) return object.error();
    contents[i].digests = policy::counted(sources[i], digests_of(sources[i].kind, *object));
    objects[i] = *std::move(object);
  }
  const std::string hash = keyed_hash(key, policy::content_hash(contents));
  if (!action.hash.empty() && hash != action.hash)
    return out_of_date("the pinned sources have changed meanwhile");
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!sources[i].is_pinned()) continue;
    const ObservedCopy about{action.maker, hash, digests_of(sources[i].kind, objects[i])};
    if (const Status written = write(observed, i, action.to, about, objects[i]); !written) return written;
  }
  return {};
}

Status PinKeeper::clone(const Observed& observed, const CloneCopy& action) {
  const policy::Source& source = sources_of(observed)[action.source];
  const auto object = read(ref_of_copy(observed, action.source, action.from));
  if (!object) return object.error();
  const std::string maker = annotation_of(*object, kCopyMakerAnnotation);
  if (maker.empty()) {
    forget(observed.key());
    return out_of_date("the copy of " + source.text() + " is gone");
  }
  const ObservedCopy about{action.maker.empty() ? maker : action.maker,
                           annotation_of(*object, kCopyHashAnnotation), digests_of(source.kind, *object)};
  return write(observed, action.source, action.to, about, *object);
}

}  // namespace sidestep::op
