#include "sidecar/io/driver_fleet.h"

#include <algorithm>

namespace sidestep::sidecar {

namespace {

std::string filled(std::string text, std::string_view place, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += value.size()) {
    text.replace(at, place.size(), value);
  }
  return text;
}

}  // namespace

bool is_known(const AppAddress& address) { return address.port != 0 || !address.socket_path.empty(); }

Facts* Fleet::find(Generation generation) {
  const auto it = facts_.find(generation);
  return it == facts_.end() ? nullptr : &it->second;
}

const Facts* Fleet::find(Generation generation) const {
  const auto it = facts_.find(generation);
  return it == facts_.end() ? nullptr : &it->second;
}

AppAddress Fleet::address_of(Generation generation) const {
  const Facts* facts = find(generation);
  return facts == nullptr ? AppAddress{} : facts->address;
}

std::vector<std::uint16_t> Fleet::ports() const {
  std::vector<std::uint16_t> ports;
  for (const auto& [generation, facts] : facts_) ports.push_back(facts.address.port);
  return ports;
}

void Fleet::keep_only(const std::vector<Generation>& generations) {
  std::erase_if(facts_, [&](const auto& entry) {
    return std::find(generations.begin(), generations.end(), entry.first) == generations.end();
  });
}

SpawnOrder make_order(const Member& member, std::uint16_t port, const policy::PolicySpec& policy) {
  const std::string generation = std::to_string(number(member.generation));
  const std::string port_text = std::to_string(port);
  const bool by_port = policy.listen == policy::ListenKind::kPort;
  const auto fill = [&](std::string text) {
    text = filled(std::move(text), "{generation}", generation);
    return by_port ? filled(std::move(text), "{port}", port_text) : text;
  };
  SpawnOrder order;
  order.generation = member.generation;
  for (const std::string& word : member.recipe.command) order.command.push_back(fill(word));
  for (const auto& [name, value] : member.recipe.env) order.env.push_back(name + "=" + fill(value));
  order.env.push_back("SIDESTEP_GENERATION=" + generation);
  if (by_port) order.env.push_back("PORT=" + port_text);
  order.wants_socket = !by_port;
  if (!policy.config.empty()) order.config_of = member.snapshot_of;
  return order;
}

std::vector<ConfigPath> config_paths(const policy::PolicySpec& policy) {
  std::vector<ConfigPath> paths;
  for (const policy::ConfigSource& source : policy.config) {
    paths.push_back({source.path, source.mode == policy::SnapshotMode::kLive});
  }
  return paths;
}

}  // namespace sidestep::sidecar
