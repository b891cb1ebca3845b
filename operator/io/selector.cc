#include "operator/io/selector.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

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

Selector selector_from_json(const Json& selector) {
  Selector out;
  const Json& labels = field(selector, "matchLabels");
  for (const auto& [key, value] : labels.items())
    if (labels.is_object() && value.is_string())
      out.all.push_back({key, Selector::Operator::kIn, {value.get<std::string>()}});
  for (const Json& expression : field(selector, "matchExpressions")) {
    Selector::Requirement requirement{text_field(expression, "key"), Selector::Operator::kIn, {}};
    const std::string op = text_field(expression, "operator");
    if (op == "NotIn") requirement.op = Selector::Operator::kNotIn;
    if (op == "Exists") requirement.op = Selector::Operator::kExists;
    if (op == "DoesNotExist") requirement.op = Selector::Operator::kDoesNotExist;
    const bool is_known = op == "In" || requirement.op != Selector::Operator::kIn;
    for (const Json& value : field(expression, "values"))
      if (is_known && value.is_string()) requirement.values.push_back(value.get<std::string>());
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
