#include "sidecar/cli/render.h"

#include <array>
#include <cstdio>

namespace sidestep::sidecar::cli {
namespace {

using Row = std::array<std::string, 9>;

std::string formatted(const char* format, double value) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, value);
  return std::string(text.data(), static_cast<std::size_t>(length));
}

std::string ago(const std::string& time, WallTime now) {
  const std::optional<WallTime> then = parse_time(time);
  if (!then) return "-";
  const Millis passed = std::chrono::duration_cast<Millis>(now - *then);
  return span_text(std::chrono::floor<Seconds>(std::max(passed, Millis(0)))) + " ago";
}

Row row_of(const wire::Generation& g, const char* role, WallTime now) {
  const std::string pid = g.pid == 0 ? "-" : std::to_string(g.pid);
  return {std::to_string(g.generation),
          role,
          pid,
          g.address,
          ago(g.started_at, now),
          grouped(g.requests),
          grouped(g.in_flight),
          grouped(g.errors),
          share_text(g.weight_per_ten_thousand)};
}

std::string table(const std::vector<Row>& rows) {
  Row::size_type columns = rows.front().size();
  std::array<std::size_t, 9> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      const bool number = i == 0 || i >= 5;
      line += (number ? pad + row[i] : row[i] + pad) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string generations(const wire::Status& status, WallTime now) {
  std::vector<Row> rows{
      {"GENERATION", "ROLE", "PID", "ADDRESS", "STARTED", "REQUESTS", "IN FLIGHT", "ERRORS", "WEIGHT"}};
  if (status.active) rows.push_back(row_of(*status.active, "active", now));
  if (status.candidate) rows.push_back(row_of(*status.candidate, "candidate", now));
  for (const wire::Generation& g : status.retiring) rows.push_back(row_of(g, "retiring", now));
  if (rows.size() == 1) return "  no generation runs\n";
  return table(rows);
}

std::string headline(const wire::Status& status) {
  std::string out = status.phase;
  if (status.active) out += ": generation " + std::to_string(status.active->generation) + " is active";
  if (status.candidate) {
    out += ", generation " + std::to_string(status.candidate->generation) + " is the candidate (" +
           share_text(status.candidate->weight_per_ten_thousand) + " of requests)";
  }
  if (status.paused) out += ", paused";
  if (status.held != 0) out += ", " + grouped(status.held) + " requests held";
  if (!status.ready && !status.not_ready_why.empty()) out += "; not ready: " + status.not_ready_why;
  return out + "\n";
}

std::string receipt(const wire::Receipt& r) {
  std::string out = "  requests        ";
  std::string counts;
  for (const auto& [generation, count] : r.requests) {
    counts += (counts.empty() ? "" : ", ") + grouped(count) + " by generation " + std::to_string(generation);
  }
  out += (counts.empty() ? "none" : counts) + "\n";
  out += "  failed          " + grouped(r.failed) + "\n";
  out += "  held            " + grouped(r.held) +
         (r.held == 0 ? "" : ", the longest for " + span_text(Millis(r.longest_hold_ms))) + "\n";
  out += "  retried         " + grouped(r.retried) + "\n";
  out +=
      "  connections cut " + grouped(r.connections_cut) + ", of these told " + grouped(r.tunnels_told) + "\n";
  out += "  took            " + span_text(Millis(r.total_ms)) + ": start " + span_text(Millis(r.start_ms)) +
         ", judge " + span_text(Millis(r.judge_ms)) + ", drain " + span_text(Millis(r.drain_ms)) +
         "; overhead " + span_text(Millis(r.overhead_ms)) + "\n";
  return out;
}

std::string verb_of(const wire::Reload& reload) {
  const std::string generation = "generation " + std::to_string(reload.generation);
  if (reload.phase == "Succeeded") return "succeeded: " + generation + " is active";
  if (reload.phase == "Failed") return "failed and was rolled back";
  if (reload.phase == "Aborted") return "was aborted and rolled back";
  if (reload.phase == "Interrupted") return "was interrupted by a restart of the proxy and rolled back";
  if (reload.phase == "Superseded") return "was superseded by a later one";
  return "is " + reload.phase + " (" + generation + ", step " + std::to_string(reload.step) + " of " +
         std::to_string(reload.steps) + ", " + share_text(reload.weight_per_ten_thousand) + " of requests)";
}

// Keeps an app's output from steering the terminal.
std::string printable(const std::string& line) {
  std::string out;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? '?' : c;
  }
  return out;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string span_text(Millis span) {
  const auto ms = static_cast<long long>(span.count());
  const long long s = ms / 1000;
  if (ms < 1000 && ms != 0) return std::to_string(ms) + " ms";
  if (s < 60 && ms % 1000 == 0) return std::to_string(s) + " s";
  if (s < 60) return formatted("%.2f s", static_cast<double>(ms) / 1000);
  if (s < 3600) return std::to_string(s / 60) + " m " + std::to_string(s % 60) + " s";
  if (s < 86'400) return std::to_string(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " m";
  return std::to_string(s / 86'400) + " d " + std::to_string(s % 86'400 / 3600) + " h";
}

std::string share_text(int ten_thousandths) { return formatted("%.4g", ten_thousandths / 100.0) + " %"; }

std::optional<WallTime> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%lfZ", &year, &month, &day, &hour, &minute, &second) !=
      6)
    return std::nullopt;
  using namespace std::chrono;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const Millis clock = hours(hour) + minutes(minute) + Millis(static_cast<std::int64_t>(second * 1000));
  return WallTime(sys_days(date).time_since_epoch() + clock);
}

std::string render_verdict(const wire::Reload& reload) {
  std::string out = "reload " + reload.id + " " + verb_of(reload);
  if (!reload.reason.empty() && reload.reason != "Promoted") out += " (" + reload.reason + ")";
  out += "\n";
  if (!reload.message.empty()) out += "  " + printable(reload.message) + "\n";
  if (!reload.requested_by.empty() || !reload.asked_reason.empty()) {
    out += "  asked by " + (reload.requested_by.empty() ? "somebody" : printable(reload.requested_by)) +
           (reload.asked_reason.empty() ? "" : ": " + printable(reload.asked_reason)) + "\n";
  }
  out += receipt(reload.receipt);
  if (reload.exit && reload.message.empty()) {
    out += "  generation " + std::to_string(reload.generation) +
           (reload.exit->signal != 0 ? " was killed by signal " + std::to_string(reload.exit->signal)
                                     : " exited with status " + std::to_string(reload.exit->status)) +
           "\n";
  }
  if (!reload.output.empty() && reload.phase != "Succeeded") {
    out += "  its last output:\n";
    for (const std::string& line : reload.output) out += "    | " + printable(line) + "\n";
  }
  return out;
}

std::string render_status(const wire::Status& status, WallTime now) {
  std::string out = headline(status) + "\n" + generations(status, now);
  for (const std::string& warning : status.warnings) out += "warning: " + printable(warning) + "\n";
  if (!status.reload) return out + "\nno reload yet\n";
  const wire::Reload& reload = *status.reload;
  out += "\n" + render_verdict(reload);
  const bool ended = !reload.ended_at.empty();
  return out +
         (ended ? "  ended           " + ago(reload.ended_at, now)
                : "  began           " + ago(reload.started_at, now)) +
         "\n";
}

std::string render_decisions(const std::vector<wire::Decision>& decisions) {
  if (decisions.empty()) return "no decision yet\n";
  std::string out;
  for (const wire::Decision& d : decisions) {
    out += d.time + "  " + printable(d.what) + "\n" +
           (d.why.empty() ? "" : "    because " + printable(d.why) + "\n");
  }
  return out;
}

}  // namespace sidestep::sidecar::cli
