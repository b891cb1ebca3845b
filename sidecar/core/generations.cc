#include "sidecar/core/generations.h"

namespace sidestep::sidecar {

Recipe changed(const Recipe& base, const std::vector<std::string>& command, const EnvList& env,
               const std::optional<AppAddress>& attach) {
  Recipe recipe = base;
  recipe.attach = attach;
  if (!command.empty()) recipe.command = command;
  for (const auto& added : env) {
    const auto same = [&](const auto& entry) { return entry.first == added.first; };
    const auto it = std::find_if(recipe.env.begin(), recipe.env.end(), same);
    if (it == recipe.env.end())
      recipe.env.push_back(added);
    else
      it->second = added.second;
  }
  return recipe;
}

Retiring* Generations::find_retiring(Generation generation) {
  const auto same = [&](const Retiring& r) { return r.member.generation == generation; };
  const auto it = std::find_if(retiring.begin(), retiring.end(), same);
  return it == retiring.end() ? nullptr : &*it;
}

std::size_t Generations::draining() const {
  const auto waits = [](const Retiring& r) { return !r.signalled; };
  return static_cast<std::size_t>(std::count_if(retiring.begin(), retiring.end(), waits));
}

Retiring* Generations::warm(TimePoint now) {
  const auto can = [&](const Retiring& r) {
    return r.because == RetiredBecause::kReplaced && !r.signalled && now < r.warm_until;
  };
  const auto it = std::find_if(retiring.rbegin(), retiring.rend(), can);
  return it == retiring.rend() ? nullptr : &*it;
}

void Generations::leave(Generation generation, TimePoint until) {
  if (!is_leaving(generation)) leaving.push_back({generation, until});
}

bool Generations::is_leaving(Generation generation) const {
  return std::any_of(leaving.begin(), leaving.end(),
                     [&](const Leaving& l) { return l.generation == generation; });
}

bool Generations::is_clear() const {
  const auto ends = [](const Retiring& r) { return r.signalled && !r.member.recipe.attach; };
  return leaving.empty() && std::none_of(retiring.begin(), retiring.end(), ends);
}

void Generations::remove(Generation generation) {
  std::erase_if(retiring, [&](const Retiring& r) { return r.member.generation == generation; });
}

}  // namespace sidestep::sidecar
