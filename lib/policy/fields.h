// Reads the members of one map into C++ fields and collects every mistake instead of stopping at the first.
//
// Each reader leaves the field at its default when the member is absent or null. finish() reports members
// that nobody asked for, with the nearest known name. A Fields object refers to the Value and the Mistakes
// given to it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/document.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

class Mistakes {
 public:
  explicit Mistakes(std::string file_name) : file_name_(std::move(file_name)) {}
  // One line: "file:line: place: value: what is wrong; fix".
  void add(int line, std::string_view place, std::string_view value, std::string_view wrong_and_fix);
  bool empty() const { return lines_.empty(); }
  std::string text() const;  // one mistake per line, at most 50 and then how many more

 private:
  std::string file_name_;
  std::vector<std::string> lines_;
};

// The whole text as a number.
std::optional<std::int64_t> whole_number(std::string_view text);
// Does `text` hold the number, with no further digit beside it?
bool names_port(const std::string& text, std::int64_t port);
// ASCII letters as small ones.
std::string lower(std::string_view text);

// A value as it stands in a message: shortened, on one line.
std::string shown(const Value& value);

struct NumberRange {
  std::int64_t least;
  std::int64_t most;
};

template <typename E>
struct Named {
  std::string_view name;
  E value;
};

class Fields {
 public:
  // `value` may be anything; when it is neither a map nor null, that is the mistake and every field counts as
  // absent.
  Fields(const Value& value, std::string place, Mistakes& mistakes);

  const Value* find(std::string_view name);  // nullptr when absent or null
  std::string place_of(std::string_view name) const;

  bool number(std::string_view name, std::int64_t& out, NumberRange range);
  void number(std::string_view name, int& out, NumberRange range);
  void seconds(std::string_view name, Seconds& out, NumberRange range);
  void boolean(std::string_view name, bool& out);
  bool text(std::string_view name, std::string& out, std::size_t most_bytes);
  void bytes(std::string_view name, std::int64_t& out, NumberRange range);
  void pods(std::string_view name, PodAmount& out);
  Fields child(std::string_view name);  // an absent member reads as an empty map
  std::vector<std::pair<const Value*, std::string>> list(std::string_view name, std::size_t most_items);

  // False when absent or not one of the names.
  template <typename E, std::size_t N>
  bool one_of(std::string_view name, E& out, const std::array<Named<E>, N>& known) {
    const Value* value = find(name);
    if (value == nullptr) return false;
    std::string names;
    for (const Named<E>& each : known) {
      if (value->kind == ValueKind::kScalar && value->text == each.name) return out = each.value, true;
      names += (names.empty() ? "" : ", ") + std::string(each.name);
    }
    return complain(*value, name, "is none of the known values; write one of " + names), false;
  }

  // For a member that tells the entries of a list apart: complains when one that was read before is the same.
  template <typename Entry, typename Same>
  void distinct(std::string_view name, const std::vector<Entry>& before, const Same& same) {
    if (std::any_of(before.begin(), before.end(), same)) complain(name, "stands in the list twice; keep one");
  }

  void complain(const Value& value, std::string_view name, std::string_view wrong_and_fix);
  // The same about the member of that name, or about its absence.
  void complain(std::string_view name, std::string_view wrong_and_fix);
  void finish();  // call last

 private:
  const Value* value_;
  std::string place_;
  Mistakes* mistakes_;
  std::vector<std::string> asked_;
};

// The nearest of `known` to `name` (letter case aside, a few letters off, or one the start of the other), or
// "".
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace sidestep::policy
