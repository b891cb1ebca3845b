#include "operator/core/analysis.h"

#include <algorithm>

namespace sidestep::op {
namespace {

policy::Sample sample_of(const GenerationCounts& counts) {
  const auto natural = [](std::int64_t count) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
  };
  return {natural(counts.requests), natural(counts.errors), counts.latency};
}

}  // namespace

policy::Judgement judge_fleet(const Fleet& fleet, const policy::Analysis& analysis) {
  std::vector<policy::SamplePair> samples;
  int pods = 0;
  for (const Member& member : fleet.members) {
    if (member.stance != Stance::kJudging) continue;
    ++pods;
    const SidecarRun& run = *member.pod->sidecar->run;
    if (run.judged) {
      samples.push_back({sample_of(run.judged->active), sample_of(run.judged->candidate)});
    } else if (member.pod->sidecar->candidate) {  // an older sidecar: active's counts since its start
      samples.push_back({sample_of(member.pod->sidecar->active), sample_of(*member.pod->sidecar->candidate)});
    }
  }
  policy::Judgement judgement = policy::judge(samples, analysis);
  judgement.why = "over " + std::to_string(pods) + (pods == 1 ? " pod: " : " pods: ") + judgement.why;
  return judgement;
}

std::string_view to_string(policy::Verdict verdict) {
  switch (verdict) {
    case policy::Verdict::kGood:
      return "Good";
    case policy::Verdict::kWorse:
      return "Worse";
    case policy::Verdict::kTooLittle:
      return "TooLittle";
  }
  return "TooLittle";
}

}  // namespace sidestep::op
