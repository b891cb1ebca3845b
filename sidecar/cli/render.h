// Status, verdicts and decisions as text for people. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "sidecar/admin/wire.h"

namespace sidestep::sidecar::cli {

std::string render_status(const wire::Status& status, WallTime now);
// How one reload ended or stands: a sentence, the receipt, and for a failure the exit and the last lines of
// output.
std::string render_verdict(const wire::Reload& reload);
std::string render_decisions(const std::vector<wire::Decision>& decisions);

// "1,234,567"
std::string grouped(std::uint64_t number);
// "0 s", "350 ms", "1.52 s", "2 m 5 s", "3 h 4 m", "2 d 1 h"
std::string span_text(Millis span);
// "5 %", "0.25 %", "100 %" of ten-thousandths
std::string share_text(int ten_thousandths);
// RFC 3339 in UTC, as the API writes it; none when it is anything else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace sidestep::sidecar::cli
