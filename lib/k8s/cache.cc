#include "lib/k8s/cache.h"

#include <nlohmann/json.hpp>

namespace sidestep::k8s {

std::string key_of(const Json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return {};
  const std::string name_space = metadata->value("namespace", "");
  const std::string name = metadata->value("name", "");
  return name_space.empty() ? name : name_space + "/" + name;
}

}  // namespace sidestep::k8s
