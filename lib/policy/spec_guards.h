// `spec.guards` of a ReloadPolicy: YAML or JSON in, JSON out. A part of spec.cc and spec_json.cc.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lib/policy/fields.h"
#include "lib/policy/guards.h"

namespace sidestep::policy {

void read_guards(Fields& spec, Mistakes& mistakes, Guards& out);
// Empty when the guards say nothing.
nlohmann::ordered_json guards_json(const Guards& guards);

}  // namespace sidestep::policy
