// What the state machine hears, and what it asks for. Plain values; the driver makes the first and performs
// the second.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/error.h"
#include "lib/policy/verdict.h"
#include "sidecar/core/command.h"
#include "sidecar/core/generations.h"
#include "sidecar/core/memory_check.h"
#include "sidecar/core/model.h"

namespace sidestep::sidecar {

struct Now {
  TimePoint at;
  WallTime wall;
};

namespace event {

// Those of commands are answered by exactly one Accept or Refuse in the same step.

struct Asked {
  ReloadCommand command;
  MemoryRoom memory;
};
struct AbortAsked {
  AbortCommand command;
};
struct PromoteAsked {
  PromoteCommand command;
};
struct WeightAsked {
  WeightCommand command;
};
struct PauseAsked {
  PauseCommand command;
};
struct ResumeAsked {
  ResumeCommand command;
};
struct PolicySet {
  PolicyPtr policy;
  std::string policy_uid;
};
struct PodEnding {};  // preStop hook
struct Term {};       // SIGTERM or SIGINT at the proxy
struct AppTerm {};    // SIGTERM at the launcher

struct Spawned {  // by the launcher: from here on the time is the app's own
  Generation generation;
};
struct Ready {
  Generation generation;
};
struct Unready {
  Generation generation;
  std::string why;
};
struct Exited {
  Generation generation;
  ExitStatus exit;
  bool forked_away = false;  // the process that was started ended well and left others of its group behind
  bool out_of_memory = false;
  std::vector<std::string> output;
  bool gone_follows = false;       // what it left behind is being ended
  bool with_its_launcher = false;  // nobody saw it: the app container went away
};
struct Gone {  // no process of the generation is left: what it had locked is free
  Generation generation;
};
struct SpawnFailed {
  Generation generation;
  std::string message;
};
// Something is seen that explains why a generation does not become ready.
struct Hint {
  Generation generation;
  ReloadReason reason = ReloadReason::kWrongPort;
  std::string message;
};
// The plane: takes no new streams, has none in flight, its connections are closed, on every shard.
struct Idle {
  Generation generation;
};
struct OpenStreams {
  Generation generation;
  std::uint64_t in_flight = 0;  // tunnels included
  std::uint64_t tunnels = 0;
};
// Counters, every 100 ms while something is decided by them. Samples count since Judging began.
struct Measured {
  policy::Sample active;
  policy::Sample candidate;
  std::vector<OpenStreams> open;  // of the retiring ones
  std::uint64_t requests = 0;     // all streams since the start of the process
  std::uint64_t clients = 0;      // open connections
};
struct LauncherLost {};
struct LauncherUp {
  std::vector<Generation> running;
  std::vector<std::string> command;  // of the app's container: for an active generation that was given none
  std::vector<Generation> leaving = {};  // exited; Gone follows
};
struct Output {
  Generation generation;
  std::vector<std::string> lines;
};
struct Tick {};  // a deadline may have passed

}  // namespace event

using Event =
    std::variant<event::Asked, event::AbortAsked, event::PromoteAsked, event::WeightAsked, event::PauseAsked,
                 event::ResumeAsked, event::PolicySet, event::PodEnding, event::Term, event::AppTerm,
                 event::Spawned, event::Ready, event::Unready, event::Exited, event::Gone, event::SpawnFailed,
                 event::Hint, event::Idle, event::Measured, event::LauncherLost, event::LauncherUp,
                 event::Output, event::Tick>;

namespace effect {

// What follows from the state (routes, probes, deadlines, journal) is not an effect: see the projections.
struct Spawn {
  Member member;
};
// TERM now, KILL after `grace`; an Exited follows.
struct Stop {
  Generation generation;
  Millis grace;
};
struct ForgetSnapshot {
  Generation generation;
};
struct FetchOutput {
  Generation generation;
};
struct Accept {
  std::string reload;
};
struct Refuse {
  Error error;
};
struct RunBegan {
  std::string id;
};
struct RunEnded {
  ReloadView view;
};
struct Note {
  std::string what;
  std::string why;
};
// The launcher ends with this status; the app container with it.
struct EndContainer {
  ExitStatus exit;
};
struct PodMayGo {};  // answers PodEnding
struct Quit {
  ExitStatus exit;
};

}  // namespace effect

using Effect = std::variant<effect::Spawn, effect::Stop, effect::ForgetSnapshot, effect::FetchOutput,
                            effect::Accept, effect::Refuse, effect::RunBegan, effect::RunEnded, effect::Note,
                            effect::EndContainer, effect::PodMayGo, effect::Quit>;
using Effects = std::vector<Effect>;

}  // namespace sidestep::sidecar
