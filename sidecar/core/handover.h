// One replacement of the worker by another, as the parent sees it: asked for, proving itself, taking over,
// done.
//
// clang-format off
//   state   | asked   | proved         | serves | fails, exits | current exits or cannot | deadline | term
//   --------|---------|----------------|--------|--------------|-------------------------|----------|--------
//   Resting | Proving | -              | -      | -            | -                       | -        | -
//   Proving | refuse  | commit, Taking | -      | give up      | give up                 | give up  | give up
//   Taking  | refuse  | -              | done   | over: failed | -                       | end it   | -
// clang-format on
//
//   give up: the new worker is killed and the present one goes on as if nothing had happened (Resting).
//   over: the new worker is the worker already; its crash is a crash like any other (Resting).
//   end it: it took over and does not serve. The old one cannot come back, it has given everything away; so
//   the new one is killed, which is a crash like any other: another worker follows at once (Resting).
//   "proved" with another nonce than the one that was given is a failure: it is not the process that was
//   started.
//
// Until "proved" the present worker serves its clients. What it decides (reloads, weights, what the launcher
// says) waits from when it gives its state away until it is told to go on; the deadline bounds that. From
// "commit" on it accepts no more. Pure; the parent (sidecar/local) performs the effects.
#pragma once

#include <cstdint>
#include <optional>
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
struct End {};     // the new worker, which is the present one by now, is killed
struct Refuse {
  std::string why;
};
struct Report {  // what is known of the attempt from now on
  std::uint64_t id = 0;
  bool has_ended = false;
  bool succeeded = false;
  std::string message;
};
using Effect = std::variant<Start, Commit, Undo, End, Refuse, Report>;

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
  TimePoint proved_at{};
  TimePoint give_up_at{};
};
using State = std::variant<Resting, Proving, Taking>;

struct Limits {
  Millis prove{30'000};  // from the start of the new worker to "proved"
  Millis take{10'000};   // from "proved" to "serves": nobody accepts meanwhile
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

// When `Deadline` is due; nothing is in Resting.
std::optional<TimePoint> deadline(const Model& model);
Step advance(Model model, const Event& event, TimePoint now);

inline bool is_resting(const Model& model) { return std::holds_alternative<Resting>(model.state); }

}  // namespace handover

}  // namespace sidestep::sidecar
