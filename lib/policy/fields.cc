#include "lib/policy/fields.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <numeric>

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostMistakes = 50;
constexpr std::size_t kMostShown = 60;

// Levenshtein distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

struct Suffix {
  std::string_view text;
  std::int64_t factor;
};
constexpr std::array<Suffix, 7> kSuffixes{{{"Ki", std::int64_t{1} << 10},
                                           {"Mi", std::int64_t{1} << 20},
                                           {"Gi", std::int64_t{1} << 30},
                                           {"k", 1'000},
                                           {"M", 1'000'000},
                                           {"G", 1'000'000'000},
                                           {"", 1}}};

std::optional<std::int64_t> byte_count(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (!text.ends_with(suffix.text)) continue;
    const auto number = whole_number(text.substr(0, text.size() - suffix.text.size()));
    if (!number || *number < 0 || *number > (std::int64_t{1} << 40)) return std::nullopt;
    return *number * suffix.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool names_port(const std::string& text, std::int64_t port) {
  const std::string number = std::to_string(port);
  const auto is_digit = [&](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
  };
  for (std::size_t at = text.find(number); at != text.npos; at = text.find(number, at + 1))
    if (!(at > 0 && is_digit(at - 1)) && !is_digit(at + number.size())) return true;
  return false;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

void Mistakes::add(int line, std::string_view place, std::string_view value, std::string_view wrong_and_fix) {
  std::string text = file_name_;
  if (line > 0) text += ":" + std::to_string(line);
  text += ": " + std::string(place);
  if (!value.empty()) text += ": " + std::string(value);
  lines_.push_back(text + ": " + std::string(wrong_and_fix));
}

std::string Mistakes::text() const {
  std::string all;
  for (std::size_t i = 0; i < std::min(lines_.size(), kMostMistakes); ++i)
    all += (i == 0 ? "" : "\n") + lines_[i];
  if (lines_.size() > kMostMistakes)
    all += "\nand " + std::to_string(lines_.size() - kMostMistakes) + " more";
  return all;
}

std::string shown(const Value& value) {
  if (value.kind == ValueKind::kNull) return "null";
  if (value.kind == ValueKind::kList) return "[list]";
  if (value.kind == ValueKind::kMap) return "{map}";
  std::string text = value.text.substr(0, kMostShown);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (value.text.size() > kMostShown) text += "…";
  return value.quoted || text.empty() ? "\"" + text + "\"" : text;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  const std::string wanted = lower(name);
  std::string best;
  std::size_t least = std::max<std::size_t>(2, wanted.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::string other = lower(candidate);
    std::size_t away = distance(wanted, other);
    if (wanted.size() >= 4 && (other.starts_with(wanted) || wanted.starts_with(other)))
      away = std::min<std::size_t>(away, 1);
    if (away < least) least = away, best = candidate;
  }
  return best;
}

Fields::Fields(const Value& value, std::string place, Mistakes& mistakes)
    : value_(&value), place_(std::move(place)), mistakes_(&mistakes) {
  if (value.kind == ValueKind::kMap || value.kind == ValueKind::kNull) return;
  mistakes_->add(value.line, place_.empty() ? "document" : place_, shown(value),
                 "is not a map; write \"field: value\" lines below it");
  static const Value kNothing;
  value_ = &kNothing;
}

std::string Fields::place_of(std::string_view name) const {
  return place_.empty() ? std::string(name) : place_ + "." + std::string(name);
}

void Fields::complain(const Value& value, std::string_view name, std::string_view wrong_and_fix) {
  mistakes_->add(value.line > 0 ? value.line : value_->line, place_of(name), shown(value), wrong_and_fix);
}

void Fields::complain(std::string_view name, std::string_view wrong_and_fix) {
  const Value* value = find(name);
  if (value != nullptr) return complain(*value, name, wrong_and_fix);
  mistakes_->add(value_->line, place_of(name), "absent", wrong_and_fix);
}

const Value* Fields::find(std::string_view name) {
  asked_.emplace_back(name);
  for (const auto& [key, value] : value_->members) {
    if (key == name && value.kind != ValueKind::kNull) return &value;
  }
  return nullptr;
}

bool Fields::number(std::string_view name, std::int64_t& out, NumberRange range) {
  const Value* value = find(name);
  if (value == nullptr) return false;
  const std::string allowed = std::to_string(range.least) + " to " + std::to_string(range.most);
  const auto number =
      value->kind == ValueKind::kScalar && !value->quoted ? whole_number(value->text) : std::nullopt;
  if (!number) {
    complain(*value, name, "is not a whole number; write one from " + allowed + ", without quotes or a unit");
    return false;
  }
  if (*number < range.least || *number > range.most) {
    complain(*value, name, "is out of range; write a number from " + allowed);
    return false;
  }
  out = *number;
  return true;
}

void Fields::number(std::string_view name, int& out, NumberRange range) {
  std::int64_t number = 0;
  if (this->number(name, number, range)) out = static_cast<int>(number);
}

void Fields::seconds(std::string_view name, Seconds& out, NumberRange range) {
  std::int64_t count = 0;
  if (number(name, count, range)) out = Seconds(count);
}

void Fields::boolean(std::string_view name, bool& out) {
  const Value* value = find(name);
  if (value == nullptr) return;
  const bool plain = value->kind == ValueKind::kScalar && !value->quoted;
  if (plain && (value->text == "true" || value->text == "false")) {
    out = value->text == "true";
  } else {
    complain(*value, name, "is not a boolean; write true or false, without quotes");
  }
}

bool Fields::text(std::string_view name, std::string& out, std::size_t most_bytes) {
  const Value* value = find(name);
  if (value == nullptr) return false;
  if (value->kind != ValueKind::kScalar) {
    complain(*value, name, "is not text; write one value");
    return false;
  }
  if (value->text.size() > most_bytes) {
    complain(*value, name, "is longer than " + std::to_string(most_bytes) + " bytes; shorten it");
    return false;
  }
  out = value->text;
  return true;
}

void Fields::bytes(std::string_view name, std::int64_t& out, NumberRange range) {
  const Value* value = find(name);
  if (value == nullptr) return;
  const auto count = value->kind == ValueKind::kScalar ? byte_count(value->text) : std::nullopt;
  if (!count) {
    complain(*value, name,
             "is not a number of bytes; write for instance 16Mi (suffixes k, M, G, Ki, Mi, Gi)");
  } else if (*count < range.least || *count > range.most) {
    complain(*value, name,
             "is out of range; write " + std::to_string(range.least) + " to " + std::to_string(range.most) +
                 " bytes, for instance 16Mi");
  } else {
    out = *count;
  }
}

void Fields::pods(std::string_view name, PodAmount& out) {
  const Value* value = find(name);
  if (value == nullptr) return;
  const bool percent = value->kind == ValueKind::kScalar && value->text.ends_with('%');
  std::optional<std::int64_t> number;
  if (value->kind == ValueKind::kScalar && (percent || !value->quoted)) {
    number = whole_number(std::string_view(value->text).substr(0, value->text.size() - (percent ? 1 : 0)));
  }
  const int most = percent ? 100 : 100'000;
  if (!number || *number < 1 || *number > most) {
    complain(*value, name, "is not a number of pods; write a count from 1 to 100000, or \"1%\" to \"100%\"");
    return;
  }
  out = {static_cast<int>(*number), percent};
}

Fields Fields::child(std::string_view name) {
  static const Value kNothing;
  const Value* value = find(name);
  return Fields(value == nullptr ? kNothing : *value, place_of(name), *mistakes_);
}

std::vector<std::pair<const Value*, std::string>> Fields::list(std::string_view name,
                                                               std::size_t most_items) {
  std::vector<std::pair<const Value*, std::string>> out;
  const Value* value = find(name);
  if (value == nullptr) return out;
  if (value->kind != ValueKind::kList) {
    complain(*value, name, "is not a list; begin each entry with \"- \"");
    return out;
  }
  if (value->items.size() > most_items) {
    complain(*value, name,
             "has " + std::to_string(value->items.size()) + " entries; at most " +
                 std::to_string(most_items) + " are allowed");
    return out;
  }
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    out.emplace_back(&value->items[i], place_of(name) + "[" + std::to_string(i) + "]");
  }
  return out;
}

void Fields::finish() {
  std::vector<std::string> seen;
  for (const auto& [key, value] : value_->members) {
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      complain(value, key, "stands twice in the same map; keep one");
    }
    seen.push_back(key);
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const std::string near = nearest_name(key, asked_);
    complain(value, key,
             near.empty() ? "is not a known field; remove it"
                          : "is not a known field; did you mean \"" + near + "\"?");
  }
}

}  // namespace sidestep::policy
