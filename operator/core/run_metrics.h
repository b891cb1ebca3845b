// Metrics and webhooks of a policy's analysis within one turn of a reload: what was answered goes into the
// status, what is due is asked, and what came out so far is a verdict, a wait, or nothing. Pure.
//
// A metric is measured each intervalSeconds from when a step has its weight, and once more when the step's
// pause is over; only with a measurement from after that does the step end. Counts in the status name each
// question, so that an answer counts once, whoever leads and however often it is seen. A webhook is called
// when its time has come, and again some seconds after a failure.
#pragma once

#include "operator/core/run.h"

namespace sidestep::op {

inline constexpr Seconds kWebhookRetry{5};

// Call first in a turn: puts what was answered since into the status.
void take_in_replies(Run& run);

// A metric out of its range, or without data where that fails, more often than the policy bears; a webhook
// likewise.
std::optional<Ending> bad_analysis(const Run& run);

// Asks for what is due while a step has its weight. `step_over`: when its pause ends, or ended.
void measure(Run& run, WallTime reached, WallTime step_over);
// What the step's end still waits for; absent when every metric has a value from after `step_over` that lets
// it go on.
std::optional<Standing> awaits_metrics(Run& run, WallTime step_over);
// Whether a metric had no data, and the policy lets that pass.
bool lacks_data(const Run& run);

// The end of a run by this verdict: Split where pods were promoted already.
Ending ending_by(const Run& run, Reason reason, std::string message);
// run_webhooks.cc, for the two above.
void take_in_calls(Run& run);
std::optional<Ending> bad_call(const Run& run);

// Calls the webhooks of that time, one after the other; absent once all have said yes for the current step.
std::optional<Standing> awaits_webhooks(Run& run, policy::WebhookTime when);

}  // namespace sidestep::op
