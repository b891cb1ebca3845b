// Policies and Reloads as text for a person. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"

namespace sidestep::op::cli {

inline constexpr const char* kClear = "\033[H\033[2J";  // of a terminal

// What a terminal would obey becomes '?': apps' output and what others wrote into a status is shown, too.
std::string plain(std::string_view text);

using Row = std::vector<std::string>;
// Columns are as wide as their longest cell.
std::string table(const std::vector<Row>& rows);
// 500 → "5%", 2550 → "25.5%"
std::string percent_text(int per_ten_thousand);

// One row per policy under a heading; columns are as wide as their longest cell.
std::string policies_table(const std::vector<api::ReloadPolicy>& policies, bool with_namespace);

// A policy with its conditions and its last Reloads, newest first.
std::string policy_text(const api::ReloadPolicy& policy, std::vector<api::Reload> reloads, WallTime now);

// One row per run of a policy, newest first: what it was for, and how it ended.
std::string history_table(std::vector<api::Reload> reloads, WallTime now);

// Where a run stands, on one line; equal lines need not be printed twice.
std::string progress_line(const api::Reload& reload);

// The end of a run: verdict, why, failed pods, receipt.
std::string receipt_text(const api::Reload& reload);

// "95s", "12m", "3h", "4d".
std::string age_text(WallTime since, WallTime now);

}  // namespace sidestep::op::cli
