// Who has work that is better done once, at the end of the loop's turn (Shard::at_turn_end).
#pragma once

namespace sidestep::sidecar {

struct TurnEnd {
  // The object lives until then, closed or not.
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd() = default;
};

}  // namespace sidestep::sidecar
