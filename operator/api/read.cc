#include "operator/api/read.h"

namespace sidestep::api {
namespace {

ConditionStatus condition_status(const std::string& text) {
  if (text == "True") return ConditionStatus::kTrue;
  return text == "False" ? ConditionStatus::kFalse : ConditionStatus::kUnknown;
}

}  // namespace

std::string_view to_string(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

const nlohmann::json& part(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  if (!has(object, key)) return kNothing;
  static_cast<void>(object.at(key).get_ref<const nlohmann::json::object_t&>());  // throws type_error
  return object.at(key);
}

const nlohmann::json& list(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNothing = nlohmann::json::array();
  if (!has(object, key)) return kNothing;
  static_cast<void>(object.at(key).get_ref<const nlohmann::json::array_t&>());  // throws type_error
  return object.at(key);
}

std::optional<WallTime> time_of(const nlohmann::json& object, const char* key) {
  return has(object, key) ? parse_time(object.at(key).get<std::string>()) : std::nullopt;
}

nlohmann::json time_json(const std::optional<WallTime>& time) {
  return time ? nlohmann::json(format_time(*time)) : nlohmann::json();
}

void put_time(nlohmann::json& object, const char* key, const std::optional<WallTime>& time) {
  if (time) object[key] = format_time(*time);
}

ObjectMeta read_meta(const nlohmann::json& object) {
  const nlohmann::json& from = part(object, "metadata");
  ObjectMeta meta;
  meta.name = get<std::string>(from, "name");
  meta.name_space = get<std::string>(from, "namespace");
  meta.uid = get<std::string>(from, "uid");
  meta.resource_version = get<std::string>(from, "resourceVersion");
  meta.generation = get<std::int64_t>(from, "generation");
  meta.creation_time = time_of(from, "creationTimestamp").value_or(WallTime{});
  meta.deletion_time = time_of(from, "deletionTimestamp");
  meta.labels = get<std::map<std::string, std::string>>(from, "labels");
  meta.annotations = get<std::map<std::string, std::string>>(from, "annotations");
  meta.finalizers = get<std::vector<std::string>>(from, "finalizers");
  return meta;
}

std::vector<Condition> read_conditions(const nlohmann::json& status) {
  std::vector<Condition> conditions;
  for (const auto& from : list(status, "conditions")) {
    conditions.push_back({get<std::string>(from, "type"), condition_status(get<std::string>(from, "status")),
                          get<std::string>(from, "reason"), get<std::string>(from, "message"),
                          time_of(from, "lastTransitionTime").value_or(WallTime{}),
                          get<std::int64_t>(from, "observedGeneration")});
  }
  return conditions;
}

nlohmann::json conditions_json(const std::vector<Condition>& conditions) {
  nlohmann::json out = nlohmann::json::array();
  for (const Condition& condition : conditions) {
    out.push_back({{"type", condition.type},
                   {"status", to_string(condition.status)},
                   {"reason", condition.reason},
                   {"message", condition.message},
                   {"lastTransitionTime", format_time(condition.last_transition_time)},
                   {"observedGeneration", condition.observed_generation}});
  }
  return out;
}

PodCounts read_counts(const nlohmann::json& status) {
  const nlohmann::json& from = part(status, "pods");
  return {get<int>(from, "desired"), get<int>(from, "updated"), get<int>(from, "ready"),
          get<int>(from, "failed")};
}

nlohmann::json counts_json(const PodCounts& counts) {
  return {{"desired", counts.desired},
          {"updated", counts.updated},
          {"ready", counts.ready},
          {"failed", counts.failed}};
}

Error wrong_type(const nlohmann::json& object, const std::exception& error) {
  const nlohmann::json meta =
      object.is_object() ? object.value("metadata", nlohmann::json()) : nlohmann::json();
  std::string what = error.what();
  if (const auto end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
  const std::string name =
      has(meta, "name") && meta["name"].is_string() ? meta["name"].get<std::string>() : "object";
  return {ErrorKind::kProtocol, Fault::kCluster, Retry::kNever,
          name + ": a field has the wrong type: " + what};
}

}  // namespace sidestep::api
