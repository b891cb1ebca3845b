// A YAML or JSON text as a plain tree in which every value knows its line. Reads only: what the fields mean
// is decided by fields.h and spec.cc.
//
// Bounded against hostile input: 256 KiB of text, 20,000 values (aliases count each time they are used), 64
// levels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace sidestep::policy {

enum class ValueKind : std::uint8_t { kNull, kScalar, kList, kMap };

struct Member;

struct Value {
  ValueKind kind = ValueKind::kNull;
  int line = 0;                 // from 1; 0 when unknown
  bool quoted = false;          // of a scalar: "5" is text, 5 is a number
  std::string text;             // of a scalar
  std::vector<Value> items;     // of a list
  std::vector<Member> members;  // of a map, in the order of the text, doubles included
};

struct Member {
  std::string key;
  Value value;
};

// The member of a map; null when absent, and for what is no map.
const Value* member(const Value& map, std::string_view key);

// The same, where a member that is null counts as absent; null for a null `map`.
const Value* field(const Value* map, std::string_view key);

// Along a path such as "metadata.name"; null when any part is absent.
const Value* at_path(const Value& map, std::string_view path);
// The text of the scalar there, or "".
std::string text_at(const Value& map, std::string_view path);

// The items of the list of that name; empty when there is none.
const std::vector<Value>& items_of(const Value& map, std::string_view key);

// The one document in `text`. An empty text is a null value. The error names the line.
Result<Value> parse_document(std::string_view text, std::string_view file_name);

}  // namespace sidestep::policy
