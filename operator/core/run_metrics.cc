#include "operator/core/run_metrics.h"

#include <algorithm>
#include <charconv>

namespace sidestep::op {
namespace {

constexpr const char* kGood = "Good";
constexpr const char* kBad = "Bad";
constexpr const char* kNoData = "NoData";

std::string short_text(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc{} ? std::string(text, end) : std::string();
}

const api::MetricState* find_state(const api::ReloadStatus& status, const std::string& name) {
  for (const api::MetricState& state : status.metrics)
    if (state.name == name) return &state;
  return nullptr;
}

std::string metric_key(const Run& run, const std::string& name, int number) {
  return run.reload.meta.uid + "/metric/" + name + "/" + std::to_string(number);
}

const AnalysisReply* reply_for(const Run& run, const std::string& key) {
  for (const AnalysisReply& reply : run.seen.replies)
    if (reply.key == key) return &reply;
  return nullptr;
}

std::string out_of_range(const policy::Metric& metric, double value) {
  if (metric.min && value < metric.min->value) return short_text(value) + " is below " + metric.min->text;
  if (metric.max && value > metric.max->value) return short_text(value) + " is above " + metric.max->text;
  return {};
}

void note_measurement(const policy::Metric& metric, const AnalysisReply& reply, api::MetricState& state) {
  ++state.measurements;
  state.time = reply.time;
  state.value = reply.value ? short_text(*reply.value) : "";
  state.message = reply.value ? out_of_range(metric, *reply.value)
                              : api::clip("no data: " + reply.message, api::kMostReasonBytes);
  state.verdict = !reply.value ? kNoData : state.message.empty() ? kGood : kBad;
  const bool fails =
      state.verdict == kBad || (state.verdict == kNoData && metric.on_no_data == policy::OnNoData::kFail);
  if (fails) ++state.failures;
}

void take_in_metrics(Run& run) {
  std::vector<api::MetricState> states;
  for (const policy::Metric& metric : run.spec.analysis.metrics) {
    const api::MetricState* known = find_state(run.out.status, metric.name);
    api::MetricState state = known != nullptr ? *known : api::MetricState{.name = metric.name};
    const AnalysisReply* reply = reply_for(run, metric_key(run, metric.name, state.measurements + 1));
    if (reply != nullptr) {
      note_measurement(metric, *reply, state);
      run.because("metric " + state.name + " is " + state.verdict +
                  (state.value.empty() ? "" : ", " + state.value) +
                  (state.message.empty() ? "" : ": " + state.message));
    }
    if (state.measurements > 0) states.push_back(std::move(state));
  }
  run.status().metrics = std::move(states);
}

std::string tolerated(int failures, int limit) {
  return " (" + std::to_string(failures) + (failures == 1 ? " failure, " : " failures, ") +
         std::to_string(limit) + " tolerated)";
}

std::string said_of(const api::MetricState& state) { return "metric " + state.name + ": " + state.message; }

}  // namespace

void take_in_replies(Run& run) {
  if (!run.seen.policy->spec_error.empty()) return;  // the spec is not the one that was asked for
  take_in_metrics(run);
  take_in_calls(run);
}

Ending ending_by(const Run& run, Reason reason, std::string message) {
  const int promoted = run.fleet.count(Stance::kPromoted);  // strategy Hold: there is no way back
  if (promoted > 0) message += "; " + std::to_string(promoted) + " pods were promoted before";
  return {api::ReloadPhase::kFailed, std::string(to_string(promoted > 0 ? Reason::kSplit : reason)),
          std::move(message)};
}

std::optional<Ending> bad_analysis(const Run& run) {
  if (run.asked.promotion == Promotion::kFull) return std::nullopt;
  for (const policy::Metric& metric : run.spec.analysis.metrics) {
    const api::MetricState* state = find_state(run.out.status, metric.name);
    if (state == nullptr || state->failures <= metric.failure_limit || state->verdict == kGood) continue;
    return ending_by(run, state->verdict == kBad ? Reason::kMetricFailed : Reason::kMetricNoData,
                     said_of(*state) + tolerated(state->failures, metric.failure_limit));
  }
  return bad_call(run);
}

void measure(Run& run, WallTime reached, WallTime step_over) {
  for (const policy::Metric& metric : run.spec.analysis.metrics) {
    const api::MetricState* state = find_state(run.out.status, metric.name);
    const std::optional<WallTime> last = state != nullptr ? state->time : std::nullopt;
    WallTime due = std::max(last.value_or(reached), reached) + metric.interval;
    if (!last || *last < step_over) due = std::min(due, step_over);
    if (run.now < due) {
      run.look_in(std::chrono::ceil<Millis>(due - run.now));
      continue;
    }
    const int number = (state != nullptr ? state->measurements : 0) + 1;
    run.out.commands.push_back(
        MeasureMetric{metric_key(run, metric.name, number), metric.address, metric.query});
  }
}

std::optional<Standing> awaits_metrics(Run& run, WallTime step_over) {
  for (const policy::Metric& metric : run.spec.analysis.metrics) {
    const api::MetricState* state = find_state(run.out.status, metric.name);
    if (state == nullptr || !state->time || *state->time < step_over)
      return Standing{Reason::kMeasuring, "metric " + metric.name + " is being measured"};
    if (state->verdict == kBad)
      return Standing{
          Reason::kMetricFailed,
          said_of(*state) + tolerated(state->failures, metric.failure_limit) + "; it is measured again"};
    if (state->verdict == kNoData && metric.on_no_data != policy::OnNoData::kPass)
      return Standing{Reason::kMetricNoData, said_of(*state) + "; the step waits for a value"};
  }
  return std::nullopt;
}

bool lacks_data(const Run& run) {
  return std::any_of(run.out.status.metrics.begin(), run.out.status.metrics.end(),
                     [](const api::MetricState& state) { return state.verdict == kNoData; });
}

}  // namespace sidestep::op
