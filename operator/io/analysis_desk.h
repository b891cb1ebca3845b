// Asks Prometheus servers and webhooks for the reloads' sake, beside the loop that decides: ask() returns at
// once, the answer is kept, and the policy is looked at again.
//
// Bounded: kMostQuestions are remembered, kAtOnce are on their way, kAtOncePerServer of them to one server,
// so that one that hangs leaves room for the others; each has a time limit, and an answer a size. What does
// not fit is not remembered and asked again by the next look. An answer is forgotten when the next question
// of its kind is asked, or after a while. Which addresses may be called is not decided here
// (core/analysis_allow.h). A query of a metric carries the token of its address, if it has one; a webhook's
// call never does, since what it does is chosen by whoever wrote the policy.
//
// Threads: ask and replies from any; run on one, which makes the calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "lib/k8s/exchanges.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/io/analysis_tokens.h"

namespace sidestep::op {

class AnalysisDesk {
 public:
  static constexpr std::size_t kMostQuestions = 4'096;
  static constexpr std::size_t kAtOnce = 32;
  static constexpr std::size_t kAtOncePerServer = 4;
  static constexpr Seconds kMemory{600};  // of an answer that nobody asks about any more

  // Called with the policy ("namespace/name") that a reply is for, by the thread of run().
  using Wake = std::function<void(const std::string& policy_key)>;
  AnalysisDesk(std::unique_ptr<k8s::Exchanges> exchanges, const Clock& clock, Wake wake,
               AnalysisTokens tokens = {});
  ~AnalysisDesk();

  void ask(const std::string& policy_key, const MeasureMetric& question);
  void ask(const std::string& policy_key, const CallWebhook& question);
  // Of this policy; in no order.
  std::vector<AnalysisReply> replies(const std::string& policy_key) const;

  // Until `stop` is requested; what is on its way is then broken off.
  void run(const std::stop_token& stop);

 private:
  enum class State : std::uint8_t { kWaiting, kAsked, kAnswered };
  struct Question {
    std::string policy;
    bool is_metric = false;
    k8s::Request request;
    State state = State::kWaiting;
    AnalysisReply reply;
    TimePoint at{};  // when it was asked for, or answered
  };
  void add(const std::string& policy_key, const std::string& key, bool is_metric, k8s::Request request);
  void forget_old();  // REQUIRES: mutex_ is held
  void begin_some();
  void begin(const std::string& key, k8s::Request request, bool is_metric);
  void answered(const std::string& key, const Result<k8s::Response>& answer);

  const std::unique_ptr<k8s::Exchanges> exchanges_;
  const Clock& clock_;
  const Wake wake_;
  const AnalysisTokens tokens_;
  std::map<std::string, k8s::Exchanges::Id> on_their_way_;  // by key; of run()'s thread alone
  mutable std::mutex mutex_;
  std::map<std::string, Question> questions_;  // by key; guarded by mutex_
};

}  // namespace sidestep::op
