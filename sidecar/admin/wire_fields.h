// Reads the fields of one JSON object into plain values and collects what is wrong. Private to the wire
// units.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/admin/wire.h"

namespace sidestep::sidecar::wire {

using Json = nlohmann::json;

class Fields {
 public:
  // `mistakes` outlives this. Anything but an object is a mistake and reads as an empty one.
  Fields(const Json& json, std::string place, std::vector<std::string>& mistakes);

  void read(const char* name, std::string& out);
  void read(const char* name, bool& out);
  template <typename Number>
  requires std::is_integral_v<Number>
  void read(const char* name, Number& out) {
    if (const auto number = whole_number(name, static_cast<std::int64_t>(std::numeric_limits<Number>::min()),
                                         most<Number>())) {
      out = static_cast<Number>(*number);
    }
  }
  void read(const char* name, std::vector<std::string>& out);
  void read(const char* name, std::vector<std::pair<std::string, std::string>>& out);  // an object of strings
  // Null when absent or null.
  const Json* find(const char* name);
  std::string place_of(const std::string& name) const { return place_.empty() ? name : place_ + "." + name; }
  // Call last: names the fields that nobody asked for.
  void refuse_unknown();

 private:
  template <typename Number>
  static constexpr std::int64_t most() {
    if constexpr (sizeof(Number) >= 8)
      return std::numeric_limits<std::int64_t>::max();
    else
      return static_cast<std::int64_t>(std::numeric_limits<Number>::max());
  }
  std::optional<std::int64_t> whole_number(const char* name, std::int64_t least, std::int64_t most);
  void wrong(const std::string& name, const Json& value, const char* wanted);

  const Json& json_;
  std::string place_;
  std::vector<std::string>& mistakes_;
  std::vector<std::string> known_;
};

// Parsed, or an error that says where the text stops being JSON.
Result<Json> parse_json(std::string_view text);
// What is not UTF-8 (an app's output) is replaced, never an exception.
std::string dump(const Json& json);
// One line per mistake.
Error as_error(const std::vector<std::string>& mistakes);

}  // namespace sidestep::sidecar::wire
