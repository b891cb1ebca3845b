// What metrics and webhooks of a Reload came to, as text for a person. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/reload.h"

namespace sidestep::op::cli {

// One sentence for each: "metric error-ratio is 0.31, Bad: 0.31 is above 0.01".
std::vector<std::string> analysis_sentences(const api::ReloadStatus& status);

// "error-ratio 0.31 Bad, lag 3 Good"; "" when nothing was measured.
std::string metrics_in_short(const api::ReloadStatus& status);

}  // namespace sidestep::op::cli
