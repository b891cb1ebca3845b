#include "lib/front/server_names.h"

namespace sidestep::front {
namespace {

std::string normal(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

void ServerNames::add(std::string_view name, std::size_t certificate) {
  const std::string text = normal(name);
  if (text.starts_with("*.") && text.size() > 2)
    wildcards_.try_emplace(text.substr(1), certificate);
  else if (!text.empty() && text.find('*') == std::string::npos)
    exact_.try_emplace(text, certificate);
}

std::optional<std::size_t> ServerNames::find(std::string_view name) const {
  const std::string text = normal(name);
  if (const auto it = exact_.find(text); it != exact_.end()) return it->second;
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  const auto it = wildcards_.find(std::string_view(text).substr(dot));
  return it == wildcards_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace sidestep::front
