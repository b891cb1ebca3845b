#include "lib/k8s/json_fields.h"

#include <nlohmann/json.hpp>

namespace sidestep::k8s {

const nlohmann::json& field(const nlohmann::json& object, const char* name) {
  static const nlohmann::json none;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : none;
}

std::string text_field(const nlohmann::json& object, const char* name) {
  const nlohmann::json& found = field(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

std::int64_t number_field(const nlohmann::json& object, const char* name) {
  const nlohmann::json& found = field(object, name);
  return found.is_number_integer() ? found.get<std::int64_t>() : 0;
}

}  // namespace sidestep::k8s
