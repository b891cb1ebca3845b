#include "sidecar/admin/wire_fields.h"

#include <algorithm>

namespace sidestep::sidecar::wire {
namespace {

constexpr std::size_t kMostValueShown = 60;
const Json kEmpty = Json::object();

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMostValueShown) text = text.substr(0, kMostValueShown) + "…";
  return text;
}

}  // namespace

Fields::Fields(const Json& json, std::string place, std::vector<std::string>& mistakes)
    : json_(json.is_object() ? json : kEmpty), place_(std::move(place)), mistakes_(mistakes) {
  if (!json.is_object()) {
    mistakes_.push_back((place_.empty() ? "body" : place_) + ": " + shown(json) +
                        ": not an object; write {…}");
  }
}

const Json* Fields::find(const char* name) {
  known_.emplace_back(name);
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::wrong(const std::string& name, const Json& value, const char* wanted) {
  mistakes_.push_back(place_of(name) + ": " + shown(value) + ": not " + wanted);
}

void Fields::read(const char* name, std::string& out) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (value->is_string())
    out = value->get<std::string>();
  else
    wrong(name, *value, "a text; put it in quotes");
}

void Fields::read(const char* name, bool& out) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (value->is_boolean())
    out = value->get<bool>();
  else
    wrong(name, *value, "true or false");
}

std::optional<std::int64_t> Fields::whole_number(const char* name, std::int64_t least, std::int64_t most) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const bool too_large =
      value->is_number_unsigned() &&
      value->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value->is_number_integer() || too_large || value->get<std::int64_t>() < least ||
      value->get<std::int64_t>() > most) {
    wrong(name, *value,
          ("a whole number from " + std::to_string(least) + " to " + std::to_string(most)).c_str());
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

void Fields::read(const char* name, std::vector<std::string>& out) {
  const Json* value = find(name);
  if (value == nullptr) return;
  const bool texts = value->is_array() &&
                     std::all_of(value->begin(), value->end(), [](const Json& v) { return v.is_string(); });
  if (texts)
    out = value->get<std::vector<std::string>>();
  else
    wrong(name, *value, "a list of texts; write [\"…\", \"…\"]");
}

void Fields::read(const char* name, std::vector<std::pair<std::string, std::string>>& out) {
  const Json* value = find(name);
  if (value == nullptr) return;
  const bool texts = value->is_object() &&
                     std::all_of(value->begin(), value->end(), [](const Json& v) { return v.is_string(); });
  if (!texts) return wrong(name, *value, "an object of texts; write {\"KEY\": \"value\"}");
  for (const auto& [key, text] : value->items()) out.emplace_back(key, text.get<std::string>());
}

void Fields::refuse_unknown() {
  for (const auto& [name, value] : json_.items()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string list;
    for (const std::string& known : known_) list += (list.empty() ? "" : ", ") + known;
    mistakes_.push_back(place_of(name) + ": " + shown(value) + ": no such field; there are " + list);
  }
}

Result<Json> parse_json(std::string_view text) {
  if (text.empty()) return Json::object();
  try {
    return Json::parse(text);
  } catch (const Json::exception& failure) {
    const auto* place = dynamic_cast<const Json::parse_error*>(&failure);
    return invalid("the body is not JSON: broken at byte " +
                   std::to_string(place == nullptr ? 0 : place->byte) + "; send one JSON object");
  }
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Error as_error(const std::vector<std::string>& mistakes) {
  std::string lines;
  for (const std::string& mistake : mistakes) lines += (lines.empty() ? "" : "\n") + mistake;
  return invalid(std::move(lines));
}

}  // namespace sidestep::sidecar::wire
