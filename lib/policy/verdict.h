// Compares a candidate with active by their counters: good, worse, or too few requests to say. Decides only;
// what follows from it (take back, go on, wait) is the state machine's business.
//
// "Worse" needs three things at once: at least 3 errors; an error rate above active's by more than the
// policy's limit; and a difference that chance does not explain (Newcombe's hybrid score interval of two
// proportions, one-sided, 99.5 %, which holds for small samples: Newcombe 1998, Statistics in Medicine 17,
// method 10). One error out of a few requests is therefore never enough, while an error rate of 20 % is seen
// within about 50 requests. Without requests of active its rate counts as 0, and the candidate's must be
// above the limit itself beyond chance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/policy/latency.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

struct Sample {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // 5xx, resets, no answer; at most `requests`
  Latency latency = {};      // of those that were answered, tunnels left out; empty: not told
};

enum class Verdict : std::uint8_t { kGood, kWorse, kTooLittle };

struct Judgement {
  Verdict verdict = Verdict::kTooLittle;
  std::string why;          // one sentence with both samples, for a person
  bool by_latency = false;  // of kWorse: its answers are no errors, they take too long
};

// Of one pod: counters since the candidate got its first request; active's over the same time.
struct SamplePair {
  Sample active;
  Sample candidate;
};

// Errors are summed over the pods; how long answers take is compared pod by pod (latency.h), where the policy
// has a limit. Pure.
Judgement judge(const std::vector<SamplePair>& pods, const Analysis& analysis);

inline Judgement judge(const Sample& active, const Sample& candidate, const Analysis& analysis) {
  return judge({SamplePair{active, candidate}}, analysis);
}

}  // namespace sidestep::policy
