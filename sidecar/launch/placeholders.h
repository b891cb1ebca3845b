// The places that only the launcher knows, filled into a command and an environment: {socket}, {config}, and
// {port} where the proxy has not seen it: in the container's own environment.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sidestep::launch {

struct Places {
  std::optional<std::string> socket = {};  // nothing: the generation listens elsewhere
  std::optional<std::string> config = {};  // nothing: the policy names no configuration
  std::optional<std::string> port = {};    // nothing: the generation listens elsewhere, and {port} stays
};

// Replaces each placeholder in each text. Returns what is wrong (a placeholder that stands for nothing), or
// "".
std::string fill_in(std::vector<std::string>& texts, const Places& places);

// `inherited` (as environ) under `given` ("NAME=value"; the last of a name wins), with SIDESTEP_SOCKET and
// SIDESTEP_CONFIG set or absent as `places` says. Placeholders stay.
std::vector<std::string> merged_environment(const char* const* inherited,
                                            const std::vector<std::string>& given, const Places& places);

}  // namespace sidestep::launch
