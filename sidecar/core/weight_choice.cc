#include "sidecar/core/weight_choice.h"

#include <algorithm>

namespace sidestep::sidecar {

namespace {

constexpr std::uint64_t kRound = 10'000;  // after so many choices the strata repeat

}  // namespace

void WeightChoice::set(int weight_per_ten_thousand, std::uint64_t seed) {
  const int weight = std::clamp(weight_per_ten_thousand, 0, static_cast<int>(kRound));
  if (weight == weight_ && seed == seed_) return;
  weight_ = weight;
  seed_ = seed;
  random_ = seed ^ (static_cast<std::uint64_t>(weight) << 32);
  rare_is_candidate_ = weight <= static_cast<int>(kRound / 2);
  rare_weight_ = static_cast<std::uint64_t>(rare_is_candidate_ ? weight : static_cast<int>(kRound) - weight);
  if (rare_weight_ == 0) return;
  // Start anywhere in the round, so that shards are not in step and a short burst sees the share as well.
  position_ = random_below(kRound);
  stratum_ = position_ * rare_weight_ / kRound;
  rare_at_ = point();
  // The first stratum is entered in its middle: its choice may lie in the part that is skipped.
  if (rare_at_ < position_) {
    ++stratum_;
    rare_at_ = point();
  }
}

bool WeightChoice::next_is_candidate() {
  if (rare_weight_ == 0) return !rare_is_candidate_;
  const bool rare = position_ == rare_at_;
  ++position_;
  if (rare) {
    ++stratum_;
    rare_at_ = std::max(point(), position_);  // two points of neighbouring strata may share a choice
  }
  if (position_ >= kRound && rare_at_ >= kRound) {
    position_ -= kRound;
    rare_at_ -= kRound;
    stratum_ -= rare_weight_;
  }
  return rare == rare_is_candidate_;
}

// Measured in units of 1/rare_weight of a choice, a stratum is 10,000 units long and a choice rare_weight
// units. The point lies anywhere in the stratum with the same chance, and the choice that contains it is the
// rare one; were a stratum made of whole choices instead, its length would alternate, and so would the chance
// of each place.
std::uint64_t WeightChoice::point() { return (stratum_ * kRound + random_below(kRound)) / rare_weight_; }

// splitmix64 (Steele, Lea, Flood 2014); the bias of the remainder is below 1e-15 for bounds as small as ours.
std::uint64_t WeightChoice::random_below(std::uint64_t bound) {
  random_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (z ^ (z >> 31)) % bound;
}

}  // namespace sidestep::sidecar
