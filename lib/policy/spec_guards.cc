#include "lib/policy/spec_guards.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lib/base/time_text.h"

namespace sidestep::policy {
namespace {

using GuardJson = nlohmann::ordered_json;

// As std::chrono::weekday counts.
constexpr std::array<std::string_view, 7> kDayNames{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr NumberRange kApprovers{1, 10};
constexpr NumberRange kApprovalSeconds{1, 2'592'000};
constexpr std::size_t kMostGuardName = 63;

// "09:30" as minutes from midnight; "24:00" is the end of the day.
std::optional<int> minutes_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = whole_number(text.substr(0, 2));
  const auto minutes = whole_number(text.substr(3));
  if (!hours || !minutes || *hours < 0 || *minutes < 0 || *minutes > 59) return std::nullopt;
  const std::int64_t all = *hours * 60 + *minutes;
  return all <= kDayMinutes ? std::optional(static_cast<int>(all)) : std::nullopt;
}

std::string time_of_day(int minutes) {
  const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return two(minutes / 60) + ":" + two(minutes % 60);
}

void read_days(Fields& fields, std::bitset<7>& out) {
  for (const auto& [item, place] : fields.list("days", kDayNames.size())) {
    const auto found = std::find(kDayNames.begin(), kDayNames.end(), item->text);
    const auto day = static_cast<std::size_t>(found - kDayNames.begin());
    if (item->kind != ValueKind::kScalar || found == kDayNames.end())
      fields.complain(*item, "days", "is no day of the week; write Mon, Tue, Wed, Thu, Fri, Sat or Sun");
    else if (out.test(day))
      fields.complain(*item, "days", "stands in the list twice; keep one");
    else
      out.set(day);
  }
}

void read_time_of_day(Fields& fields, std::string_view name, int most, int& out) {
  std::string text;
  if (!fields.text(name, text, 5)) return fields.complain(name, "is missing; write for instance \"09:00\"");
  const auto minutes = minutes_of(text);
  if (!minutes || *minutes > most)
    return fields.complain(name, "is no time of day; write two digits each, for instance \"09:00\"");
  out = *minutes;
}

bool read_instant(Fields& fields, std::string_view name, WallTime& out) {
  std::string text;
  const bool is_there = fields.text(name, text, 40);
  const auto time = parse_time(text);
  out = time.value_or(WallTime{});
  if (time) return true;
  fields.complain(name, std::string(is_there ? "is no instant" : "is missing") +
                            "; write for instance \"2026-12-24T00:00:00Z\"");
  return false;
}

template <typename Guard>
void read_guard_name(Fields& fields, const std::vector<Guard>& before, std::string& out) {
  fields.text("name", out, kMostGuardName);
  if (out.empty()) fields.complain("name", "is missing; write one that people will know it by");
  fields.distinct("name", before, [&](const Guard& other) { return other.name == out; });
}

void read_windows(Fields& guards, Mistakes& mistakes, std::vector<Window>& out) {
  for (const auto& [item, place] : guards.list("windows", kMostWindows)) {
    Window window;
    Fields fields(*item, place, mistakes);
    read_guard_name(fields, out, window.name);
    read_days(fields, window.days);
    read_time_of_day(fields, "startTimeOfDay", kDayMinutes - 1, window.start);
    read_time_of_day(fields, "endTimeOfDay", kDayMinutes, window.end);
    fields.text("timeZone", window.time_zone, 64);
    fields.finish();
    if (window.start == window.end)
      fields.complain("endTimeOfDay",
                      "is the same as startTimeOfDay; for a whole day write \"00:00\" and \"24:00\"");
    out.push_back(std::move(window));
  }
}

void read_freezes(Fields& guards, Mistakes& mistakes, std::vector<Freeze>& out) {
  for (const auto& [item, place] : guards.list("freezes", kMostFreezes)) {
    Freeze freeze;
    Fields fields(*item, place, mistakes);
    read_guard_name(fields, out, freeze.name);
    const bool has_start = read_instant(fields, "startTime", freeze.start);
    const bool has_end = read_instant(fields, "endTime", freeze.end);
    fields.text("reason", freeze.reason, 256);
    fields.finish();
    if (has_start && has_end && freeze.end <= freeze.start)
      fields.complain("endTime", "is not after startTime; write a later one");
    out.push_back(std::move(freeze));
  }
}

void read_approvals(Fields& guards, Approvals& out) {
  if (guards.find("approvals") == nullptr) return;
  Fields fields = guards.child("approvals");
  std::int64_t required = 0;
  if (fields.find("required") == nullptr)
    fields.complain("required", "is missing; write how many people must approve, 1 to 10");
  else if (fields.number("required", required, kApprovers))
    out.required = static_cast<int>(required);
  fields.seconds("deadlineSeconds", out.deadline, kApprovalSeconds);
  fields.finish();
}

GuardJson windows_json(const std::vector<Window>& windows) {
  GuardJson list = GuardJson::array();
  for (const Window& window : windows) {
    GuardJson item{{"name", window.name}};
    for (std::size_t i = 1; i <= kDayNames.size(); ++i)  // people's week begins on Monday
      if (window.days.test(i % kDayNames.size())) item["days"].push_back(kDayNames[i % kDayNames.size()]);
    item["startTimeOfDay"] = time_of_day(window.start);
    item["endTimeOfDay"] = time_of_day(window.end);
    item["timeZone"] = window.time_zone;
    list.push_back(std::move(item));
  }
  return list;
}

GuardJson freezes_json(const std::vector<Freeze>& freezes) {
  GuardJson list = GuardJson::array();
  for (const Freeze& freeze : freezes) {
    list.push_back({{"name", freeze.name},
                    {"startTime", format_time(freeze.start)},
                    {"endTime", format_time(freeze.end)}});
    if (!freeze.reason.empty()) list.back()["reason"] = freeze.reason;
  }
  return list;
}

}  // namespace

void read_guards(Fields& spec, Mistakes& mistakes, Guards& out) {
  Fields fields = spec.child("guards");
  read_windows(fields, mistakes, out.windows);
  read_freezes(fields, mistakes, out.freezes);
  read_approvals(fields, out.approvals);
  fields.seconds("minimumIntervalSeconds", out.minimum_interval, {0, 604'800});
  fields.finish();
}

GuardJson guards_json(const Guards& guards) {
  GuardJson out = GuardJson::object();
  if (!guards.windows.empty()) out["windows"] = windows_json(guards.windows);
  if (!guards.freezes.empty()) out["freezes"] = freezes_json(guards.freezes);
  if (guards.approvals.required > 0)
    out["approvals"] = {{"required", guards.approvals.required},
                        {"deadlineSeconds", guards.approvals.deadline.count()}};
  if (guards.minimum_interval.count() != 0) out["minimumIntervalSeconds"] = guards.minimum_interval.count();
  return out;
}

}  // namespace sidestep::policy
