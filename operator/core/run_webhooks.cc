// Webhooks of a policy's analysis: calling them, and what they said.
#include <algorithm>

#include "operator/core/run_metrics.h"

namespace sidestep::op {
namespace {

const api::WebhookState* find_call(const api::ReloadStatus& status, const std::string& name) {
  for (const api::WebhookState& state : status.webhooks)
    if (state.name == name) return &state;
  return nullptr;
}

std::string call_key(const Run& run, const std::string& name, int number) {
  return run.reload.meta.uid + "/webhook/" + name + "/" + std::to_string(number);
}

// Those of an earlier step say nothing about this one.
bool holds_now(const Run& run, const policy::AnalysisWebhook& webhook, const api::WebhookState& state) {
  return webhook.when != policy::WebhookTime::kEachStep || state.step == run.out.status.step;
}

void note_call(const Run& run, const policy::AnalysisWebhook& webhook, const AnalysisReply& reply,
               api::WebhookState& state) {
  if (!holds_now(run, webhook, state)) state.failures = 0;
  state.step = run.out.status.step;
  state.passed = reply.passed;
  ++state.calls;
  state.failures = reply.passed ? 0 : state.failures + 1;
  state.message = api::clip(reply.message, api::kMostReasonBytes);
  state.time = reply.time;
}

std::string_view word_of(policy::WebhookTime when) {
  switch (when) {
    case policy::WebhookTime::kBeforeStart:
      return "BeforeStart";
    case policy::WebhookTime::kEachStep:
      return "EachStep";
    case policy::WebhookTime::kPromote:
      return "Promote";
  }
  return "EachStep";
}

std::string words_about(const api::WebhookState& state) {
  return "webhook " + state.name + ": " + (state.message.empty() ? "it said no" : state.message);
}

}  // namespace

void take_in_calls(Run& run) {
  std::vector<api::WebhookState> states;
  for (const policy::AnalysisWebhook& webhook : run.spec.analysis.webhooks) {
    const api::WebhookState* known = find_call(run.out.status, webhook.name);
    api::WebhookState state = known != nullptr ? *known : api::WebhookState{.name = webhook.name};
    for (const AnalysisReply& reply : run.seen.replies) {
      if (reply.key != call_key(run, webhook.name, state.calls + 1)) continue;
      note_call(run, webhook, reply, state);
      run.because(words_about(state) + (state.passed ? ": it passes" : ""));
      break;
    }
    if (state.calls > 0) states.push_back(std::move(state));
  }
  run.status().webhooks = std::move(states);
}

std::optional<Ending> bad_call(const Run& run) {
  for (const policy::AnalysisWebhook& webhook : run.spec.analysis.webhooks) {
    const api::WebhookState* state = find_call(run.out.status, webhook.name);
    if (state == nullptr || state->passed || state->failures <= webhook.failure_limit) continue;
    if (!holds_now(run, webhook, *state)) continue;
    return ending_by(run, Reason::kWebhookFailed,
                     words_about(*state) + " (" + std::to_string(state->failures) +
                         (state->failures == 1 ? " call failed)" : " calls in a row failed)"));
  }
  return std::nullopt;
}

std::optional<Standing> awaits_webhooks(Run& run, policy::WebhookTime when) {
  for (const policy::AnalysisWebhook& webhook : run.spec.analysis.webhooks) {
    if (webhook.when != when) continue;
    const api::WebhookState* state = find_call(run.out.status, webhook.name);
    const bool is_known = state != nullptr && holds_now(run, webhook, *state);
    if (is_known && state->passed) continue;
    const bool has_failed = is_known && state->failures > 0;
    const WallTime due = has_failed && state->time ? *state->time + kWebhookRetry : run.now;
    if (run.now < due) {
      run.look_in(std::chrono::ceil<Millis>(due - run.now));
      return Standing{Reason::kWebhookFailed, words_about(*state) + "; it is called again"};
    }
    const int number = (state != nullptr ? state->calls : 0) + 1;
    run.out.commands.push_back(CallWebhook{call_key(run, webhook.name, number), webhook.url, webhook.timeout,
                                           webhook.name, std::string(word_of(when)), run.reload.meta.name,
                                           run.out.status.step});
    run.look_in(kLookLater);
    return Standing{Reason::kWebhook, "webhook " + webhook.name + " is being asked"};
  }
  return std::nullopt;
}

}  // namespace sidestep::op
