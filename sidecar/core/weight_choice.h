// Which of the next request streams goes to the candidate: exact in number, not predictable in order.
//
// Time is divided into strata of 10,000/weight choices, and one choice at a random place of each stratum goes
// to the candidate. Over any 10,000 consecutive choices the count is off by at most one, and a client that
// alternates between two kinds of request meets the candidate with both (a plain accumulator is periodic: at
// 50 % every second request). Weights above half are handled by choosing active instead, so that a stratum is
// never shorter than two choices.
//
// Decides only; sticky requests are chosen elsewhere. One object per shard, used by its thread alone.
#pragma once

#include <cstdint>

namespace sidestep::sidecar {

class WeightChoice {
 public:
  // Weight in ten-thousandths, 0..10000 (values outside are clamped). Shards must be given different seeds,
  // or they choose in step. Does nothing when both are unchanged: a new route table does not disturb the
  // sequence.
  void set(int weight_per_ten_thousand, std::uint64_t seed);

  // Counts one choice.
  bool next_is_candidate();

 private:
  std::uint64_t point();  // a random place of the current stratum
  std::uint64_t random_below(std::uint64_t bound);

  int weight_ = 0;
  std::uint64_t seed_ = 0;
  std::uint64_t random_ = 0;       // state of the generator
  std::uint64_t rare_weight_ = 0;  // of the side that is chosen by strata; 0: never
  bool rare_is_candidate_ = true;
  std::uint64_t position_ = 0;  // choices made, modulo 10,000
  std::uint64_t stratum_ = 0;   // the stratum that rare_at_ belongs to; 0..rare_weight_-1
  std::uint64_t rare_at_ = 0;   // position of the next rare choice; may be a whole round ahead
};

}  // namespace sidestep::sidecar
