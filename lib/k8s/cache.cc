#include "lib/k8s/cache.h"

#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"

namespace sidestep::k8s {

std::string key_of(const Json& object) {
  const Json& metadata = field(object, "metadata");
  const std::string name_space = text_field(metadata, "namespace");
  const std::string name = text_field(metadata, "name");
  return name_space.empty() ? name : name_space + "/" + name;
}

}  // namespace sidestep::k8s
