#include "operator/cli/support.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sidestep::op::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kRemoved = "(removed)";
constexpr std::array<std::string_view, 6> kTelling{"password", "passwd", "token",
                                                   "secret",   "key",    "credential"};

bool is_telling(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(kTelling.begin(), kTelling.end(),
                     [&](std::string_view word) { return name.find(word) != name.npos; });
}

void scrub_annotations(Json& annotations) {
  for (auto& [name, value] : annotations.items())
    if (!name.starts_with("sidestep.dev/")) value = kRemoved;
}

void scrub_environment(Json& env) {
  for (Json& variable : env) {
    if (!variable.is_object() || !variable.contains("value")) continue;
    const std::string name = variable.value("name", "");
    if (name != "PORT" && (!name.starts_with("SIDESTEP_") || is_telling(name))) variable["value"] = kRemoved;
  }
}

// --password=x, --password x, addresses that name a user, and "sh -c" scripts that speak of a secret.
void scrub_words(Json& words) {
  bool is_next = false;
  for (Json& word : words) {
    if (!word.is_string()) continue;
    const std::string text = word.get<std::string>();
    const auto equals = text.find('=');
    const bool is_script = text.find(' ') != text.npos;
    const bool tells = is_telling(is_script ? text : text.substr(0, equals));
    const bool has_user = text.find("://") != text.npos && text.find('@') != text.npos;
    if (is_next || has_user || (tells && is_script))
      word = kRemoved;
    else if (tells && equals != text.npos)
      word = text.substr(0, equals + 1) + kRemoved;
    is_next = tells && equals == text.npos && text.starts_with("-");
  }
}

// Of a webhook: its path may be all that keeps strangers away.
void scrub_url(Json& url) {
  if (!url.is_string()) return;
  const std::string text = url.get<std::string>();
  const auto scheme = text.find("://");
  const auto path = scheme == text.npos ? text.npos : text.find_first_of("/?", scheme + 3);
  if (path != text.npos) url = text.substr(0, path) + "/" + kRemoved;
}

void scrub(Json& value) {
  if (value.is_array())
    for (Json& item : value) scrub(item);
  if (!value.is_object()) return;
  value.erase("managedFields");
  for (const char* content : {"data", "binaryData", "stringData"})
    if (value.contains(content)) value[content] = kRemoved;
  for (auto& [name, member] : value.items()) {
    if (name == "annotations" && member.is_object())
      scrub_annotations(member);
    else if (name == "env" && member.is_array())
      scrub_environment(member);
    else if (name == "url")
      scrub_url(member);
    else if (name == "httpHeaders" || name == "volumeAttributes")
      member = kRemoved;
    else if ((name == "command" || name == "args") && member.is_array())
      scrub_words(member);
    else
      scrub(member);
  }
}

}  // namespace

Json scrubbed(Json object) {
  scrub(object);
  return object;
}

}  // namespace sidestep::op::cli
