// A launcher that starts nothing: it writes down what it is told, and the test says what happens.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/io/launcher_link.h"

namespace sidestep::sidecar {

class FakeLauncher final : public LauncherLink {
 public:
  Status start(UniqueFd) override { return {}; }
  int listener() const override { return -1; }
  bool is_up() const override { return up; }
  const std::string& token() const override { return token_; }
  std::uint64_t refused() const override { return 0; }
  void snapshot(Generation generation, const std::vector<ConfigPath>& sources,
                ConfigContent content) override {
    snapshots.emplace_back(generation, sources);
    contents.push_back(content);
  }
  void drop_snapshot(Generation generation) override { dropped.push_back(generation); }
  void spawn(const SpawnOrder& order) override { orders.push_back(order); }
  void signal(Generation, int) override {}
  void stop(Generation generation, Millis) override { stopped.push_back(generation); }
  void ask_tail(Generation generation) override { tails.push_back(generation); }
  bool ask_memory(Generation active) override {
    if (knows_memory) memory_asked.push_back(active);
    return knows_memory;
  }
  void keep_listeners(const std::vector<std::pair<std::string, int>>&) override {}
  void keep_record(const std::string& text) override { record = text; }
  void exit_with(int status) override { exits.push_back(status); }
  void pause() override {}
  void resume() override {}
  Result<std::vector<UniqueFd>> hand_over(LauncherState&) const override { return std::vector<UniqueFd>(); }
  Status go_on(const LauncherState&, UniqueFd, std::vector<UniqueFd>) override { return {}; }
  void release() override {}
  int pinned(Generation) const override { return -1; }
  void pin(Generation, UniqueFd) override {}

  // What stands behind "PORT=" in the order.
  std::uint16_t port_of(std::size_t order) const {
    for (const std::string& variable : orders.at(order).env) {
      if (variable.rfind("PORT=", 0) == 0) return static_cast<std::uint16_t>(std::stoi(variable.substr(5)));
    }
    return 0;
  }

  bool up = true;
  std::vector<SpawnOrder> orders;
  std::vector<std::pair<Generation, std::vector<ConfigPath>>> snapshots;
  std::vector<ConfigContent> contents;  // of snapshots
  std::vector<Generation> stopped;
  std::vector<Generation> dropped;
  std::vector<Generation> tails;
  bool knows_memory = false;
  std::vector<Generation> memory_asked;
  std::vector<int> exits;
  std::string record;

 private:
  std::string token_ = "token";
};

}  // namespace sidestep::sidecar
