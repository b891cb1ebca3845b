#include "lib/policy/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace sidestep::policy {
namespace {

using Words = std::vector<std::string_view>;

const Words kNoNames;
const Words kMonths{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
const Words kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct FieldRule {
  std::string_view name;
  int least;
  int most;
  const Words& names;  // of the values from `least` on
};

Words split(std::string_view text, char by) {
  Words parts;
  while (!text.empty()) {
    const auto end = text.find(by);
    if (end != 0 || by != ' ') parts.push_back(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end && !text.empty() ? std::optional(value) : std::nullopt;
}

std::optional<int> value_of(std::string_view text, const FieldRule& rule) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  const auto named = std::find(rule.names.begin(), rule.names.end(), lower);
  if (named != rule.names.end()) return rule.least + static_cast<int>(named - rule.names.begin());
  const auto number = number_of(text);
  return number && *number >= rule.least && *number <= rule.most ? number : std::nullopt;
}

// One part of a list: "*", "5", "1-5", each perhaps with "/2". Empty: it is none of these.
std::optional<std::vector<int>> values_of(std::string_view part, const FieldRule& rule) {
  const auto slash = part.find('/');
  const std::optional<int> step = slash == part.npos ? 1 : number_of(part.substr(slash + 1));
  const std::string_view range = part.substr(0, slash);
  const auto dash = range.find('-');
  std::optional<int> first = rule.least, last = rule.most;
  if (range != "*") {
    first = value_of(range.substr(0, dash), rule);
    last = dash != range.npos ? value_of(range.substr(dash + 1), rule) : slash == part.npos ? first : last;
  }
  if (!step || *step < 1 || !first || !last || *first > *last) return std::nullopt;
  std::vector<int> values;
  for (int value = *first; value <= *last; value += *step) values.push_back(value);
  return values;
}

template <std::size_t N>
Status read_field(std::string_view text, const FieldRule& rule, std::bitset<N>& out) {
  for (const std::string_view part : split(text, ',')) {
    const auto values = values_of(part, rule);
    if (!values) {
      return invalid(std::string(rule.name) + " \"" + std::string(part) + "\" is not understood; write *, " +
                     std::to_string(rule.least) + ".." + std::to_string(rule.most) +
                     ", a range 1-5 or a step */2");
    }
    for (const int value : *values) out.set(static_cast<std::size_t>(value) % N);
  }
  if (out.none() || text.back() == ',')
    return invalid(std::string(rule.name) + " has an empty part; remove the comma");
  return {};
}

}  // namespace

bool Cron::has_day(int month, int day, int weekday) const {
  if (!months.test(static_cast<std::size_t>(month))) return false;
  const bool by_day = days.test(static_cast<std::size_t>(day));
  const bool by_weekday = weekdays.test(static_cast<std::size_t>(weekday));
  return any_day || any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

Result<Cron> parse_cron(std::string_view text) {
  const Words fields = split(text, ' ');
  if (fields.size() != 5)
    return invalid("has " + std::to_string(fields.size()) +
                   " fields; write minute, hour, day of month, month and day of week, for instance \"30 3 * "
                   "* Mon-Fri\"");
  Cron cron;
  for (const Status& read : {read_field(fields[0], {"minute", 0, 59, kNoNames}, cron.minutes),
                             read_field(fields[1], {"hour", 0, 23, kNoNames}, cron.hours),
                             read_field(fields[2], {"day of month", 1, 31, kNoNames}, cron.days),
                             read_field(fields[3], {"month", 1, 12, kMonths}, cron.months),
                             read_field(fields[4], {"day of week", 0, 7, kWeekdays}, cron.weekdays)}) {
    if (!read) return read.error();
  }
  cron.any_day = fields[2].front() == '*';
  cron.any_weekday = fields[4].front() == '*';
  return cron;
}

}  // namespace sidestep::policy
