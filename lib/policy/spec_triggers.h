// `spec.triggers` of a ReloadPolicy: YAML or JSON in, JSON out. A part of spec.cc and spec_json.cc.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lib/policy/fields.h"
#include "lib/policy/triggers.h"

namespace sidestep::policy {

void read_triggers(Fields& spec, Mistakes& mistakes, Triggers& out);
nlohmann::ordered_json triggers_json(const Triggers& triggers);

// An object's name (RFC 1123 subdomain).
bool is_object_name(std::string_view text);

}  // namespace sidestep::policy
