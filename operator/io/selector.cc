#include "operator/io/selector.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sidestep::op {
namespace {

bool meets(const Selector::Requirement& requirement, const Labels& labels) {
  const auto found = labels.find(requirement.key);
  const bool has = found != labels.end();
  const auto& values = requirement.values;
  const bool listed = has && std::find(values.begin(), values.end(), found->second) != values.end();
  switch (requirement.op) {
    case Selector::Operator::kIn:
      return listed;
    case Selector::Operator::kNotIn:
      return !listed;
    case Selector::Operator::kExists:
      return has;
    case Selector::Operator::kDoesNotExist:
      return !has;
  }
  return false;
}

}  // namespace

Selector selector_from_json(const nlohmann::json& selector) {
  Selector out;
  if (!selector.is_object()) return out;
  const nlohmann::json labels = selector.value("matchLabels", nlohmann::json::object());
  for (const auto& [key, value] : labels.items())
    if (value.is_string()) out.all.push_back({key, Selector::Operator::kIn, {value.get<std::string>()}});
  const nlohmann::json expressions = selector.value("matchExpressions", nlohmann::json::array());
  for (const auto& expression : expressions) {
    Selector::Requirement requirement{expression.value("key", ""), Selector::Operator::kIn, {}};
    const std::string op = expression.value("operator", "");
    if (op == "NotIn") requirement.op = Selector::Operator::kNotIn;
    if (op == "Exists") requirement.op = Selector::Operator::kExists;
    if (op == "DoesNotExist") requirement.op = Selector::Operator::kDoesNotExist;
    requirement.values = expression.value("values", std::vector<std::string>{});
    out.all.push_back(std::move(requirement));
  }
  return out;
}

Selector selector_from_pairs(const std::vector<std::pair<std::string, std::string>>& match_labels) {
  Selector out;
  for (const auto& [key, value] : match_labels) out.all.push_back({key, Selector::Operator::kIn, {value}});
  return out;
}

bool matches(const Selector& selector, const Labels& labels) {
  return !selector.all.empty() && std::all_of(selector.all.begin(), selector.all.end(),
                                              [&](const auto& each) { return meets(each, labels); });
}

}  // namespace sidestep::op
