// The annotation sidestep.dev/reload on the policy, its workload or one of its pods: which tokens ask for a Reload, and which were dealt with. Pure.
//
// Annotations come back and go away (rollout undo, GitOps tools, backups), so the last 16 tokens are
// remembered, the token present at the first visit of a policy, or at the first sight of a workload, is
// adopted without a reload, and a token that goes away does nothing. A token counts as handled only once its
// Reload is seen to exist. Of a pod's own the last one is remembered, by an annotation on the pod.
#pragma once

#include <string>
#include <vector>

#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/core/queue.h"

namespace sidestep::op {

struct TokenDecision {
  std::vector<CreateReload> create;  // oldest wish first: the workload's, then the policy's own
  std::vector<MarkPod> marks;        // pods whose own token was dealt with
  std::vector<std::string> handled;  // status.handledTokens from now on
  std::string target_uid;            // status.targetUID from now on
  std::vector<std::string> why;      // one sentence per token that was new
};

// REQUIRES: observed.policy.
TokenDecision decide_tokens(const Observed& observed);

// The annotation sidestep.dev/retry of the Reload that ended last, and did not succeed: one new Reload. Of
// the last one alone, so that an annotation that comes back later starts nothing; its token is remembered
// like any.
void decide_retry(const Observed& observed, const Queue& queue, TokenDecision& decision);

// A Reload of all pods for that token exists, whatever became of it.
bool has_reload(const Observed& observed, const std::string& token);

// As a token stands in Reload.spec and status: itself, or "sha256:…" when it is longer than 256 bytes.
std::string canonical_token(const std::string& token);

}  // namespace sidestep::op
