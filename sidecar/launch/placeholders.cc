#include "sidecar/launch/placeholders.h"

#include <map>
#include <string_view>

namespace sidestep::launch {

namespace {

struct Placeholder {
  std::string_view mark;
  const std::optional<std::string>& stands_for;
  const char* missing;
};

std::string replace_all(std::string& text, const Placeholder& place) {
  std::size_t at = text.find(place.mark);
  if (at == std::string::npos) return "";
  if (!place.stands_for) return place.missing;
  while (at != std::string::npos) {
    text.replace(at, place.mark.size(), *place.stands_for);
    at = text.find(place.mark, at + place.stands_for->size());
  }
  return "";
}

}  // namespace

std::string fill_in(std::vector<std::string>& texts, const Places& places) {
  const Placeholder all[] = {
      {"{socket}", places.socket,
       "the command or its environment uses {socket}, but the policy does not say listen: socket"},
      {"{config}", places.config,
       "the command or its environment uses {config}, but the policy names no config path"}};
  for (std::string& text : texts) {
    for (const Placeholder& place : all) {
      if (std::string wrong = replace_all(text, place); !wrong.empty()) return wrong;
    }
    if (places.port) replace_all(text, {"{port}", places.port, ""});
  }
  return "";
}

std::vector<std::string> merged_environment(const char* const* inherited,
                                            const std::vector<std::string>& given, const Places& places) {
  std::map<std::string, std::string> values;
  const auto set = [&](const std::string& entry) {
    const std::size_t equals = entry.find('=');
    if (equals != 0 && equals != std::string::npos)
      values[entry.substr(0, equals)] = entry.substr(equals + 1);
  };
  for (; inherited != nullptr && *inherited != nullptr; ++inherited) set(*inherited);
  values.erase("SIDESTEP_SOCKET");
  values.erase("SIDESTEP_CONFIG");
  for (const std::string& entry : given) set(entry);
  if (places.socket) values["SIDESTEP_SOCKET"] = *places.socket;
  if (places.config) values["SIDESTEP_CONFIG"] = *places.config;
  std::vector<std::string> merged;
  for (const auto& [name, value] : values) merged.push_back(name + "=" + value);
  return merged;
}

}  // namespace sidestep::launch
