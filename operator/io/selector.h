// A label selector (metav1.LabelSelector) and whether labels match it. Pure.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace sidestep::op {

using Labels = std::map<std::string, std::string>;

struct Selector {
  enum class Operator : unsigned char { kIn, kNotIn, kExists, kDoesNotExist };
  struct Requirement {
    std::string key;
    Operator op = Operator::kIn;
    std::vector<std::string> values;
    bool operator==(const Requirement&) const = default;
  };
  std::vector<Requirement> all;  // a pair of matchLabels is kIn with one value
  bool operator==(const Selector&) const = default;
};

// Unknown operators match nothing.
Selector selector_from_json(const nlohmann::json& selector);
Selector selector_from_pairs(const std::vector<std::pair<std::string, std::string>>& match_labels);

// An empty selector matches nothing, as workloads must have one.
bool matches(const Selector& selector, const Labels& labels);

}  // namespace sidestep::op
