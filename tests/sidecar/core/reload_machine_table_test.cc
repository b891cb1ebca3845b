// Reads the transition tables out of reload_machine.cc and tries every cell: the comment cannot drift from
// the code.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "tests/sidecar/core/machine_world.h"

namespace sidestep::sidecar {
namespace {

struct Cell {
  std::string state;
  std::string event;
  std::string expected;
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> words;
  std::stringstream in(line);
  for (std::string word; std::getline(in, word, '|');) {
    const auto first = word.find_first_not_of(" /");
    const auto last = word.find_last_not_of(' ');
    words.push_back(first == std::string::npos ? "" : word.substr(first, last - first + 1));
  }
  return words;
}

std::vector<Cell> read_tables() {
  std::ifstream in(std::string(SIDESTEP_SOURCE_DIR) + "/sidecar/core/reload_machine.cc");
  std::vector<Cell> cells;
  std::vector<std::string> head;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("// ", 0) != 0 || line.find('|') == std::string::npos) continue;
    const std::vector<std::string> words = split(line);
    if (words[0] == "commands" || words[0] == "happenings") {
      head = words;
      continue;
    }
    EXPECT_EQ(words.size(), head.size()) << line;
    for (std::size_t i = 1; i < words.size(); ++i) cells.push_back({words[0], head[i], words[i]});
  }
  return cells;
}

// Active is generation 1, the candidate (or the one just promoted) 2; 9 retires from an earlier life.
const std::map<std::string, std::function<void(MachineWorld&)>> kStates{
    {"Serving", [](MachineWorld& w) { w.serve(); }},
    {"Holding",
     [](MachineWorld& w) {
       w.serve();
       w.on(exited(1, 1));
       w.after(0ms);  // generation 2 is on its way
     }},
    {"Starting",
     [](MachineWorld& w) {
       w.serve();
       w.steps({{{}, 500, Seconds{30}}});
       w.ask();
     }},
    {"Judging", [](MachineWorld& w) { w.serve(), w.judge(); }},
    {"Draining", [](MachineWorld& w) { w.serve(), w.ask(), w.on(Ready{gen(2)}); }},
    {"RollingBack",
     [](MachineWorld& w) {
       w.serve(), w.judge();
       w.on(AbortAsked{});
     }},
    {"Stopping", [](MachineWorld& w) { w.serve(), w.on(PodEnding{}); }},
};

void age(MachineWorld& w) {
  w.now.at += 2h;
  w.on(Tick{});
}

// Where there is none: one that was long ago.
Generation candidate(const MachineWorld& w) {
  const bool has =
      w.phase() == Phase::kStarting || w.phase() == Phase::kJudging || w.phase() == Phase::kRollingBack;
  return gen(has ? 2 : 77);
}

Generation active(const MachineWorld& w) {
  return gen(w.phase() == Phase::kDraining || w.phase() == Phase::kHolding ? 2 : 1);
}

// In Draining the previous generation is the retiring one and 2 is active; elsewhere see kStates.
const std::map<std::string, std::function<void(MachineWorld&)>> kEvents{
    {"asked", [](MachineWorld& w) { w.ask("another"); }},
    {"abort", [](MachineWorld& w) { w.on(AbortAsked{}); }},
    {"promote", [](MachineWorld& w) { w.on(PromoteAsked{}); }},
    {"force",
     [](MachineWorld& w) {
       w.on(PromoteAsked{{{}, true}});
     }},
    {"weight",
     [](MachineWorld& w) {
       w.on(WeightAsked{{{}, 100}});
     }},
    {"pause", [](MachineWorld& w) { w.on(PauseAsked{}); }},
    {"resume", [](MachineWorld& w) { w.on(ResumeAsked{}); }},
    {"policy",
     [](MachineWorld& w) {
       w.on(PolicySet{w.policy, "uid"});
     }},
    {"term", [](MachineWorld& w) { w.on(Term{}); }},
    {"pod ends", [](MachineWorld& w) { w.on(PodEnding{}); }},
    {"ready", [](MachineWorld& w) { w.on(Ready{w.phase() == Phase::kHolding ? gen(2) : candidate(w)}); }},
    {"unready(c)",
     [](MachineWorld& w) {
       w.on(Unready{candidate(w), "503"});
     }},
    {"exited(c)", [](MachineWorld& w) { w.on(exited(number(candidate(w)), 1)); }},
    {"exited(a)", [](MachineWorld& w) { w.on(exited(number(active(w)), 1)); }},
    {"exited(r)", [](MachineWorld& w) { w.on(exited(w.phase() == Phase::kDraining ? 1 : 9, 0)); }},
    {"idle(r)", [](MachineWorld& w) { w.on(Idle{gen(w.phase() == Phase::kDraining ? 1 : 9)}); }},
    {"worse", [](MachineWorld& w) { w.on(measured(500, 400)); }},
    {"late", age},
    {"lost", [](MachineWorld& w) { w.on(LauncherLost{}); }},
    {"back",
     [](MachineWorld& w) {
       w.on(LauncherUp{{gen(1), gen(2), gen(3)}, {}});
     }},
};

// A generation of an earlier reload that still has tunnels open.
void add_retiring(MachineWorld& w) {
  Retiring retiring;
  retiring.member.generation = gen(9);
  retiring.closing = {gen(9), 0, w.now.at + 3h, w.now.at + 3h};
  retiring.give_up_at = w.now.at + 3h;
  w.model.generations.retiring.push_back(retiring);
}

class Table : public ::testing::TestWithParam<Cell> {};

TEST_P(Table, CellIsTrue) {
  const Cell& cell = GetParam();
  MachineWorld w;
  ASSERT_TRUE(kStates.contains(cell.state));
  ASSERT_TRUE(kEvents.contains(cell.event));
  kStates.at(cell.state)(w);
  ASSERT_EQ(to_string(w.phase()), cell.state) << "the fixture's own state";
  if (cell.event.ends_with("(r)") && cell.state != "Draining") add_retiring(w);
  kEvents.at(cell.event)(w);
  const bool stays =
      cell.expected == "ok" || cell.expected == "no" || cell.expected == "=" || cell.expected == "-";
  EXPECT_EQ(to_string(w.phase()), stays ? cell.state : cell.expected);
  EXPECT_EQ(w.did<Refuse>() != nullptr, cell.expected == "no");
  if (cell.expected == "ok") {
    EXPECT_NE(w.did<Accept>(), nullptr);
  }
  if (cell.expected == "-") {
    EXPECT_TRUE(w.effects.empty());
  }
}

std::string name_of(const ::testing::TestParamInfo<Cell>& info) {
  std::string name = info.param.state + "_" + info.param.event;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(ReloadMachine, Table, ::testing::ValuesIn(read_tables()), name_of);

TEST(ReloadMachineTableTest, EveryStateMeetsEveryEventOnce) {
  std::map<std::pair<std::string, std::string>, int> seen;
  for (const Cell& cell : read_tables()) ++seen[{cell.state, cell.event}];
  EXPECT_EQ(seen.size(), kStates.size() * kEvents.size());
  for (const auto& [cell, times] : seen) EXPECT_EQ(times, 1) << cell.first << " " << cell.second;
}

}  // namespace
}  // namespace sidestep::sidecar
