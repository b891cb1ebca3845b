#include "lib/policy/value_edit.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace sidestep::policy {
namespace {

// Words that YAML 1.1 reads as something else than text; as keys they are put in quotes.
constexpr std::array<std::string_view, 12> kReserved{"true", "false", "yes",  "no", "on",  "off",
                                                     "y",    "n",     "null", "~",  "nan", "inf"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_plain_key(std::string_view key) {
  if (key == "<<") return true;
  if (key.empty() || !is_letter(key.front())) return false;
  std::string small(key);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (std::find(kReserved.begin(), kReserved.end(), small) != kReserved.end()) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

std::string in_quotes(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_block_text(const std::string& text) {
  if (text.find('\n') == text.npos || text.front() == ' ' || text.front() == '\n') return false;
  if (text.find(" \n") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\n' || (byte >= 0x20 && byte != 0x7f);
  });
}

void write_block_text(const std::string& text, std::size_t indent, std::string& out) {
  const std::size_t last = text.find_last_not_of('\n');
  const std::size_t ends = last == text.npos ? 0 : text.size() - last - 1;
  out += ends == 0 ? "|-\n" : ends == 1 ? "|\n" : "|+\n";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) out += std::string(indent, ' ') + text.substr(at, end - at);
    out += '\n';
    at = end + 1;
  }
}

void write_scalar(const Value& value, std::size_t indent, std::string& out) {
  if (value.kind == ValueKind::kNull) {
    out += "null\n";
  } else if (value.quoted && is_block_text(value.text)) {
    write_block_text(value.text, indent, out);
  } else if (value.quoted || value.text.find('\n') != value.text.npos) {
    out += in_quotes(value.text) + "\n";
  } else {
    out += value.text + "\n";
  }
}

bool is_nested(const Value& value) { return !value.items.empty() || !value.members.empty(); }

// `out` ends where the value begins: at the start of a line, or behind "- ", whose column is then `indent`.
void write(const Value& value, std::size_t indent, bool is_behind_dash, std::string& out) {
  const std::string margin(indent, ' ');
  bool is_first = is_behind_dash;
  const auto begin = [&] {
    if (!is_first) out += margin;
    is_first = false;
  };
  if (value.kind == ValueKind::kList && value.items.empty()) out += "[]\n";
  if (value.kind == ValueKind::kMap && value.members.empty()) out += "{}\n";
  if (value.kind == ValueKind::kScalar || value.kind == ValueKind::kNull) write_scalar(value, indent, out);
  for (const Value& item : value.items) {
    begin();
    out += "- ";
    write(item, indent + 2, true, out);
  }
  for (const Member& member : value.members) {
    begin();
    out += (is_plain_key(member.key) ? member.key : in_quotes(member.key)) + ":";
    const bool is_list = member.value.kind == ValueKind::kList;
    if (!is_nested(member.value)) {
      out += " ";
      write(member.value, indent + 2, true, out);
    } else {
      out += "\n";
      write(member.value, is_list ? indent : indent + 2, false, out);
    }
  }
}

bool is_json_number(std::string_view text) {
  if (text.empty() || !(is_digit(text.back()) && (is_digit(text.front()) || text.front() == '-')))
    return false;
  return nlohmann::json::accept(text);
}

nlohmann::ordered_json json_of(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNull:
      return nullptr;
    case ValueKind::kScalar:
      if (value.quoted) return value.text;
      if (value.text == "true" || value.text == "false") return value.text == "true";
      if (is_json_number(value.text)) return nlohmann::ordered_json::parse(value.text);
      return value.text;
    case ValueKind::kList: {
      auto list = nlohmann::ordered_json::array();
      for (const Value& item : value.items) list.push_back(json_of(item));
      return list;
    }
    case ValueKind::kMap: {
      auto map = nlohmann::ordered_json::object();
      for (const Member& member : value.members) map[member.key] = json_of(member.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace

Value plain(std::string text) {
  Value value;
  value.kind = ValueKind::kScalar;
  value.text = std::move(text);
  return value;
}

Value plain(std::int64_t number) { return plain(std::to_string(number)); }

Value text_value(std::string text) {
  Value value = plain(std::move(text));
  value.quoted = true;
  return value;
}

Value list_of(std::initializer_list<Value> items) {
  Value value;
  value.kind = ValueKind::kList;
  value.items = items;
  return value;
}

Value map_of(std::initializer_list<std::pair<const char*, Value>> members) {
  Value value;
  value.kind = ValueKind::kMap;
  for (const auto& [key, member] : members) value.members.push_back({key, member});
  return value;
}

Value& member_of(Value& map, std::string_view key) {
  if (map.kind != ValueKind::kMap) {
    map = Value{};
    map.kind = ValueKind::kMap;
  }
  for (Member& member : map.members)
    if (member.key == key) return member.value;
  map.members.push_back({std::string(key), Value{}});
  return map.members.back().value;
}

std::vector<Value>& list_in(Value& map, std::string_view key) {
  Value& list = member_of(map, key);
  if (list.kind != ValueKind::kList) {
    list = Value{};
    list.kind = ValueKind::kList;
  }
  return list.items;
}

void remove_member(Value& map, std::string_view key) {
  std::erase_if(map.members, [key](const Member& member) { return member.key == key; });
}

Value* find_member(Value& map, std::string_view key) { return const_cast<Value*>(field(&map, key)); }

std::string yaml_text(const Value& value) {
  std::string out;
  write(value, 0, false, out);
  return out;
}

std::string json_text(const Value& value) {
  return json_of(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sidestep::policy
