// Small readers for objects of the Kubernetes API, shared by the units of this folder. A member of the wrong
// type throws nlohmann::json::type_error; the public functions of wire.h turn that into an Error.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/wire.h"

namespace sidestep::api {

inline bool has(const nlohmann::json& object, const char* key) {
  return object.is_object() && object.contains(key) && !object.at(key).is_null();
}

// Absent and null read as `otherwise`.
template <typename T>
T get(const nlohmann::json& object, const char* key, T otherwise = {}) {
  return has(object, key) ? object.at(key).get<T>() : otherwise;
}

// A member that is an object, or a list. Absent and null read as empty.
const nlohmann::json& part(const nlohmann::json& object, const char* key);
const nlohmann::json& list(const nlohmann::json& object, const char* key);

std::optional<WallTime> time_of(const nlohmann::json& object, const char* key);
nlohmann::json time_json(const std::optional<WallTime>& time);  // null when absent
void put_time(nlohmann::json& object, const char* key,
              const std::optional<WallTime>& time);  // left out when absent

ObjectMeta read_meta(const nlohmann::json& object);
std::vector<Condition> read_conditions(const nlohmann::json& status);
nlohmann::json conditions_json(const std::vector<Condition>& conditions);
PodCounts read_counts(const nlohmann::json& status);
nlohmann::json counts_json(const PodCounts& counts);

// "shop: " and what the library says, without its error number.
Error wrong_type(const nlohmann::json& object, const std::exception& error);

}  // namespace sidestep::api
