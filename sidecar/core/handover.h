// One replacement of the worker by another, as the parent sees it: asked for, proving itself, taking over,
// done.
//
//   state     | asked    | proved        | serves | fails, exits | current exits or cannot | deadline | term
//   Resting   | Proving  | -             | -      | -            | -                       | -        | -
//   Proving   | refuse   | commit, Taking| -      | give up      | give up                 | give up  | give
//   up Taking    | refuse   | -             | done   | over: failed | -                       | -        | -
//   give up: the new worker is killed and the present one goes on as if nothing had happened (Resting).
//   over: the new worker is the worker already; its crash is a crash like any other (Resting).
//   "proved" with another nonce than the one that was given is a failure: it is not the process that was
//   started.
//
// Until "proved" the present worker serves, and nothing that it does depends on the new one. From "commit" on
// the present one accepts no more. Pure; the parent (sidecar/local) performs the effects.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/clock.h"

namespace sidestep::sidecar {

namespace handover {

// ---- events ----

struct Asked {
  std::string nonce;  // random, for this attempt
  bool can_be_done = true;
  std::string why_not;  // when it cannot: the present worker does not serve yet, the proxy ends
};
struct Proved {  // the new worker has the state, and says so with what it was given
  std::string nonce;
};
struct Serves {};   // the new worker, after it took over
struct NewFailed {  // it says that it cannot, or it has ended
  std::string why;
};
struct CurrentFailed {  // the present worker cannot hand over, or has ended
  std::string why;
};
struct Deadline {};
struct Term {};
using Event = std::variant<Asked, Proved, Serves, NewFailed, CurrentFailed, Deadline, Term>;

// ---- effects ----

struct Start {  // the new worker; the present one is told to hand over
  std::string nonce;
};
struct Commit {};  // the present worker yields, the new one takes over
struct Undo {};    // the new worker is killed, the present one told to go on
struct Refuse {
  std::string why;
};
struct Report {  // what is known of the attempt from now on
  std::uint64_t id = 0;
  bool has_ended = false;
  bool succeeded = false;
  std::string message;
};
using Effect = std::variant<Start, Commit, Undo, Refuse, Report>;

// ---- states ----

struct Resting {};
struct Proving {
  std::uint64_t id = 0;
  std::string nonce;
  TimePoint since{};
  TimePoint give_up_at{};
};
struct Taking {
  std::uint64_t id = 0;
  TimePoint since{};
};
using State = std::variant<Resting, Proving, Taking>;

struct Limits {
  Millis prove{30'000};  // from the start of the new worker to "proved"
};

struct Model {
  State state;
  std::uint64_t attempts = 0;
  Limits limits;
};

struct Step {
  Model model;
  std::vector<Effect> effects;
};

Step advance(Model model, const Event& event, TimePoint now);

inline bool is_resting(const Model& model) { return std::holds_alternative<Resting>(model.state); }

}  // namespace handover

}  // namespace sidestep::sidecar
