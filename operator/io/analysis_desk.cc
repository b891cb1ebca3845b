#include "operator/io/analysis_desk.h"

#include <algorithm>

#include "operator/io/metric_answer.h"

namespace sidestep::op {
namespace {

constexpr Millis kLongestTurn{1'000};

// All questions of one metric or webhook of one Reload begin alike.
std::string kind_of(const std::string& key) { return key.substr(0, key.rfind('/') + 1); }

// What curl says of an address, without its path: that may be all that keeps strangers away.
std::string without_path(std::string text, const k8s::Request& request) {
  const std::string whole = request.origin + request.target.substr(0, request.target.find('?'));
  if (text.starts_with(whole)) text.replace(0, whole.size(), request.origin);
  return text;
}

}  // namespace

AnalysisDesk::AnalysisDesk(std::unique_ptr<k8s::Exchanges> exchanges, const Clock& clock, Wake wake,
                           AnalysisTokens tokens)
    : exchanges_(std::move(exchanges)), clock_(clock), wake_(std::move(wake)), tokens_(std::move(tokens)) {}

AnalysisDesk::~AnalysisDesk() = default;

void AnalysisDesk::ask(const std::string& policy_key, const MeasureMetric& question) {
  add(policy_key, question.key, true, request_of(question));
}

void AnalysisDesk::ask(const std::string& policy_key, const CallWebhook& question) {
  const auto slash = policy_key.find('/');
  add(policy_key, question.key, false,
      request_of(question, policy_key.substr(0, slash), policy_key.substr(slash + 1)));
}

void AnalysisDesk::add(const std::string& policy_key, const std::string& key, bool is_metric,
                       k8s::Request request) {
  {
    const std::lock_guard lock(mutex_);
    if (questions_.contains(key)) return;
    const std::string kind = kind_of(key);
    for (auto old = questions_.lower_bound(kind); old != questions_.end() && old->first.starts_with(kind);)
      old = old->second.state == State::kAsked ? std::next(old) : questions_.erase(old);
    if (questions_.size() >= kMostQuestions) forget_old();
    if (questions_.size() >= kMostQuestions) return;
    Question& added = questions_[key];
    added.policy = policy_key;
    added.is_metric = is_metric;
    added.request = std::move(request);
    added.at = clock_.steady();
  }
  exchanges_->wake();
}

void AnalysisDesk::forget_old() {
  const TimePoint now = clock_.steady();
  std::erase_if(questions_, [&](const auto& each) {
    return each.second.state == State::kAnswered && now - each.second.at > kMemory;
  });
}

std::vector<AnalysisReply> AnalysisDesk::replies(const std::string& policy_key) const {
  std::vector<AnalysisReply> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, question] : questions_)
    if (question.state == State::kAnswered && question.policy == policy_key) found.push_back(question.reply);
  return found;
}

// Those that wait, as far as the bounds let them.
void AnalysisDesk::begin_some() {
  struct Chosen {
    std::string key;
    k8s::Request request;
    bool is_metric;
  };
  std::vector<Chosen> chosen;
  {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::size_t> to_server;
    for (const auto& [key, id] : on_their_way_) ++to_server[questions_[key].request.origin];
    for (auto& [key, question] : questions_) {
      if (on_their_way_.size() + chosen.size() >= kAtOnce) break;
      if (question.state != State::kWaiting) continue;
      std::size_t& busy = to_server[question.request.origin];
      if (busy >= kAtOncePerServer) continue;
      ++busy;
      question.state = State::kAsked;
      question.reply.key = key;
      question.reply.time = clock_.wall();
      chosen.push_back({key, question.request, question.is_metric});
    }
  }
  for (Chosen& each : chosen) begin(each.key, std::move(each.request), each.is_metric);
}

// The token is read as late as this, and kept nowhere.
void AnalysisDesk::begin(const std::string& key, k8s::Request request, bool is_metric) {
  const Result<std::string> token =
      is_metric ? tokens_.token_for(request.origin + request.target) : std::string();
  if (!token) return answered(key, token.error());
  if (!token->empty()) request.headers.emplace_back("Authorization", "Bearer " + *token);
  on_their_way_[key] = exchanges_->begin(
      request, nullptr, [this, key](const Result<k8s::Response>& answer) { answered(key, answer); });
}

void AnalysisDesk::answered(const std::string& key, const Result<k8s::Response>& answer) {
  on_their_way_.erase(key);
  std::string policy;
  {
    const std::lock_guard lock(mutex_);
    Question& question = questions_[key];
    if (question.is_metric) {
      MetricAnswer read = metric_answer(answer);
      question.reply.value = read.value;
      question.reply.message = without_path(std::move(read.message), question.request);
    } else {
      WebhookAnswer read = webhook_answer(answer);
      question.reply.passed = read.passed;
      question.reply.message = without_path(std::move(read.message), question.request);
    }
    question.request = {};
    question.state = State::kAnswered;
    question.at = clock_.steady();
    policy = question.policy;
  }
  wake_(policy);
}

void AnalysisDesk::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { exchanges_->wake(); });
  while (!stop.stop_requested()) {
    begin_some();
    exchanges_->turn(kLongestTurn);
  }
  for (const auto& [key, id] : on_their_way_) exchanges_->end(id);
  on_their_way_.clear();
}

}  // namespace sidestep::op
