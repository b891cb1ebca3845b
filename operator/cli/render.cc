#include "operator/cli/render.h"

#include <algorithm>
#include <sstream>

#include "operator/api/wire.h"
#include "operator/cli/render_analysis.h"

namespace sidestep::op::cli {
namespace {

std::string dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string target_of(const api::ReloadPolicy& policy) {
  if (policy.spec.target_ref) return policy.spec.target_ref->kind + "/" + policy.spec.target_ref->name;
  std::string labels;
  for (const auto& [key, value] : policy.spec.selector)
    labels += (labels.empty() ? "" : ",") + key + "=" + value;
  return dash(labels);
}

std::string condition_cell(const std::vector<api::Condition>& conditions, const char* type) {
  const api::Condition* condition = api::find_condition(conditions, type);
  return condition ? std::string(api::to_string(condition->status)) : "Unknown";
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F, in two bytes
    const bool is_control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F || is_c1;
    out += is_control ? '?' : text[i];
    i += is_c1 ? 1 : 0;
  }
  return out;
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 3, ' ');
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string percent_text(int per_ten_thousand) {
  std::ostringstream out;
  out << per_ten_thousand / 100.0 << '%';
  return out.str();
}

std::string age_text(WallTime since, WallTime now) {
  const auto seconds = std::max<std::int64_t>(0, std::chrono::duration_cast<Seconds>(now - since).count());
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7200) return std::to_string(seconds / 60) + "m";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

std::string policies_table(const std::vector<api::ReloadPolicy>& policies, bool with_namespace) {
  std::vector<Row> rows{{"NAME", "TARGET", "READY", "REASON", "PODS", "UPDATED", "FAILED", "LAST RELOAD"}};
  if (with_namespace) rows[0].insert(rows[0].begin(), "NAMESPACE");
  for (const api::ReloadPolicy& policy : policies) {
    const auto& status = policy.status;
    const api::Condition* ready = api::find_condition(status.conditions, "Ready");
    Row row{policy.meta.name,
            target_of(policy),
            condition_cell(status.conditions, "Ready"),
            dash(ready ? ready->reason : ""),
            std::to_string(status.pods.ready) + "/" + std::to_string(status.pods.desired),
            std::to_string(status.pods.updated),
            std::to_string(status.pods.failed),
            dash(status.last_reload)};
    if (with_namespace) row.insert(row.begin(), policy.meta.name_space);
    rows.push_back(std::move(row));
  }
  return table(rows);
}

std::string policy_text(const api::ReloadPolicy& policy, std::vector<api::Reload> reloads, WallTime now) {
  std::string out = policies_table({policy}, false) + "\n";
  std::vector<Row> conditions{{"CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"}};
  for (const api::Condition& each : policy.status.conditions)
    conditions.push_back({each.type, std::string(api::to_string(each.status)), each.reason,
                          age_text(each.last_transition_time, now), each.message});
  out += table(conditions);
  if (reloads.empty()) return out;
  std::sort(reloads.begin(), reloads.end(),
            [](const auto& a, const auto& b) { return a.meta.creation_time > b.meta.creation_time; });
  std::vector<Row> runs{{"RELOAD", "PHASE", "STEP", "UPDATED", "FAILED", "AGE", "WHY"}};
  for (const api::Reload& run : reloads)
    runs.push_back({run.meta.name, std::string(api::to_string(run.status.phase)),
                    std::to_string(run.status.step),
                    std::to_string(run.status.pods.updated) + "/" + std::to_string(run.status.pods.desired),
                    std::to_string(run.status.pods.failed), age_text(run.meta.creation_time, now),
                    dash(run.status.end_reason.empty() ? run.spec.reason : run.status.end_reason)});
  out += "\n" + table(runs);
  const auto sentences = analysis_sentences(reloads.front().status);
  if (!sentences.empty()) out += "\n";
  for (const std::string& sentence : sentences) out += reloads.front().meta.name + ": " + sentence + "\n";
  return out;
}

std::string history_table(std::vector<api::Reload> reloads, WallTime now) {
  std::sort(reloads.begin(), reloads.end(),
            [](const auto& a, const auto& b) { return a.meta.creation_time > b.meta.creation_time; });
  std::vector<Row> rows{
      {"RELOAD", "VERDICT", "REASON", "PODS", "REQUESTS", "HELD", "FAILED", "TOOK", "AGE", "ASKED FOR BY"}};
  for (const api::Reload& run : reloads) {
    const api::ReloadStatus& status = run.status;
    const api::Receipt& receipt = status.receipt;
    rows.push_back(
        {run.meta.name, std::string(api::to_string(status.phase)), dash(status.end_reason),
         std::to_string(status.pods.updated) + "/" + std::to_string(status.pods.desired),
         std::to_string(receipt.active_requests + receipt.candidate_requests), std::to_string(receipt.held),
         std::to_string(receipt.failed),
         status.start_time && status.end_time ? age_text(*status.start_time, *status.end_time) : "-",
         age_text(run.meta.creation_time, now), dash(run.spec.reason)});
  }
  return table(rows);
}

std::string progress_line(const api::Reload& reload) {
  const api::ReloadStatus& status = reload.status;
  std::string line = reload.meta.name + "  " + std::string(api::to_string(status.phase));
  if (status.step > 0) line += "  step " + std::to_string(status.step);
  if (status.step > 0 && !status.steps.empty()) {
    const api::ReloadStep& step = status.steps.back();
    line += ": " + std::to_string(step.pods) + (step.pods == 1 ? " pod at " : " pods at ") +
            percent_text(step.weight_per_ten_thousand);
  }
  line += "  updated " + std::to_string(status.pods.updated) + "/" + std::to_string(status.pods.desired);
  if (status.pods.failed > 0) line += "  failed " + std::to_string(status.pods.failed);
  if (const std::string metrics = metrics_in_short(status); !metrics.empty()) line += "  " + metrics;
  const api::Condition* progress = api::find_condition(status.conditions, "Progressing");
  if (progress && !progress->message.empty())
    line += "  (" + progress->message.substr(0, progress->message.find('\n')) + ")";
  return line;
}

std::string receipt_text(const api::Reload& reload) {
  const api::ReloadStatus& status = reload.status;
  const api::Receipt& receipt = status.receipt;
  std::string out = reload.meta.name + ": " + std::string(api::to_string(status.phase));
  if (!status.end_reason.empty()) out += ", " + status.end_reason;
  out += "\n";
  if (!status.end_message.empty()) out += "  " + status.end_message + "\n";
  for (const api::FailedPod& pod : status.failed_pods)
    out += "  " + pod.name + ": " + pod.reason + (pod.message.empty() ? "" : ": " + pod.message) + "\n";
  if (status.truncated) out += "  and more pods\n";
  for (const std::string& sentence : analysis_sentences(status)) out += "  " + sentence + "\n";
  std::vector<Row> rows{{"  requests by active", std::to_string(receipt.active_requests)},
                        {"  requests by candidate", std::to_string(receipt.candidate_requests)},
                        {"  held", std::to_string(receipt.held)},
                        {"  retried", std::to_string(receipt.retried)},
                        {"  failed", std::to_string(receipt.failed)},
                        {"  longest hold", std::to_string(receipt.longest_hold_ms) + " ms"},
                        {"  connections cut", std::to_string(receipt.connections_cut)},
                        {"  duration", std::to_string(receipt.duration_ms) + " ms"}};
  return out + table(rows);
}

}  // namespace sidestep::op::cli
