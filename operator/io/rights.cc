#include "operator/io/rights.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"
#include "lib/k8s/pause.h"

namespace sidestep::op {
namespace {

constexpr Millis kWhileMissing{5'000};
constexpr Millis kWhenComplete{600'000};  // rights may be taken away

std::string where(const RightsRule& rule) {
  return rule.name_space.empty() ? "the operator's ClusterRole"
                                 : "the operator's Role in namespace " + rule.name_space;
}

}  // namespace

RightsCheck::RightsCheck(k8s::Client& client, const OwnNames& own) : client_(client) {
  for (RightsRule& rule : rights_needed(own)) {
    auto questions = questions_of(rule);
    rules_.push_back({std::move(rule), std::move(questions)});
  }
}

Result<bool> RightsCheck::may(const RightsQuestion& question) {
  k8s::Json attributes = {
      {"group", question.group}, {"resource", question.resource}, {"verb", question.verb}};
  if (!question.subresource.empty()) attributes["subresource"] = question.subresource;
  if (!question.name.empty()) attributes["name"] = question.name;
  if (!question.name_space.empty()) attributes["namespace"] = question.name_space;
  const k8s::Json review = {{"apiVersion", "authorization.k8s.io/v1"},
                            {"kind", "SelfSubjectAccessReview"},
                            {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  const auto answer = client_.create({{"authorization.k8s.io/v1", "selfsubjectaccessreviews"}}, review);
  if (!answer) return answer.error();
  return k8s::field(k8s::field(*answer, "status"), "allowed") == true;
}

Status RightsCheck::ask(Asked& asked) {
  std::vector<RightsQuestion> missing;
  for (RightsQuestion& question :
       asked.is_known && !asked.missing.empty() ? asked.missing : questions_of(asked.rule)) {
    const auto answer = may(question);
    if (!answer) return answer.error();
    if (!*answer) missing.push_back(std::move(question));
  }
  const bool was_missing = asked.is_known && !asked.missing.empty();
  asked.is_known = true;
  asked.missing = std::move(missing);
  const std::string rule = rule_text(asked.rule, asked.missing);
  if (!asked.missing.empty() && !was_missing)
    log::error("a right is missing",
               {{"add", rule}, {"to", where(asked.rule)}, {"so that", asked.rule.what_for}});
  if (asked.missing.empty() && was_missing)
    log::info("a right was granted", {{"rule", rule_text(asked.rule, questions_of(asked.rule))}});
  return {};
}

Status RightsCheck::refresh() {
  std::string text;
  Status outcome;
  for (Asked& rule : rules_) {
    if (const Status asked = ask(rule); !asked) outcome = asked;
    if (rule.is_known && !rule.missing.empty())
      text += (text.empty() ? "" : "\n") + ("a right is missing: add " + rule_text(rule.rule, rule.missing)) +
              " to " + where(rule.rule);
    if (!outcome) break;
  }
  const std::lock_guard lock(mutex_);
  if (outcome) missing_ = std::move(text);
  return outcome;
}

std::string RightsCheck::missing() const {
  const std::lock_guard lock(mutex_);
  return missing_;
}

void RightsCheck::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Status asked = refresh();
    if (!asked) log::warn("cannot ask for our rights", {{"error", asked.error().detail}});
    k8s::pause_for(asked && missing().empty() ? kWhenComplete : kWhileMissing, stop);
  }
}

}  // namespace sidestep::op
