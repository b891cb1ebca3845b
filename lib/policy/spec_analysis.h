// The part of a ReloadPolicy spec that is about `analysis`: reading and writing.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lib/policy/analysis.h"
#include "lib/policy/fields.h"

namespace sidestep::policy {

void read_analysis(Fields& spec, Mistakes& mistakes, Analysis& out);
nlohmann::ordered_json analysis_json(const Analysis& analysis);

}  // namespace sidestep::policy
