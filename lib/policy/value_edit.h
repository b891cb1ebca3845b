// Making and changing document trees, and writing them as text again. What a tree means is not known here.
// Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "lib/policy/document.h"

namespace sidestep::policy {

Value plain(std::string text);  // true, 5: as it stands
Value plain(std::int64_t number);
Value text_value(std::string text);  // a string, whatever it looks like
Value list_of(std::initializer_list<Value> items);
Value map_of(std::initializer_list<std::pair<const char*, Value>> members);

// The member of `map` (which becomes a map if it is none), added as null behind the others when absent.
Value& member_of(Value& map, std::string_view key);
// The same, made a list when it is none.
std::vector<Value>& list_in(Value& map, std::string_view key);
void remove_member(Value& map, std::string_view key);
// The member if it is there and not null.
Value* find_member(Value& map, std::string_view key);

// Block style, two spaces a level, members and items in their order. Plain scalars stay as they were written,
// so that no number or boolean becomes another. Ends with a line end.
std::string yaml_text(const Value& value);
// One line. Plain scalars that are no numbers or booleans become strings.
std::string json_text(const Value& value);

}  // namespace sidestep::policy
