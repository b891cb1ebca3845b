// Fields of an answer that may be anything: one that is missing or of another kind reads as empty, where
// nlohmann's own accessors throw.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sidestep::k8s {

// Null when it is not there, or `object` is no object.
const nlohmann::json& field(const nlohmann::json& object, const char* name);
std::string text_field(const nlohmann::json& object, const char* name);     // "" for what is no text
std::int64_t number_field(const nlohmann::json& object, const char* name);  // 0 for what is no integer

}  // namespace sidestep::k8s
