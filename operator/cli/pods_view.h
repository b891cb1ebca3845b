// The pods of a policy as their sidecars show them in /metrics: generations and their shares of new requests.
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sidestep::op::cli {

struct GenerationShare {
  std::string generation;
  std::string role;  // active, candidate, retiring
  double ratio = 0;  // of new requests
};

struct PodView {
  std::string name;
  bool is_ready = false;
  std::string phase;  // of the sidecar; "" when it was not heard
  std::vector<GenerationShare> generations;
  std::string note;  // why it was not heard
};

// The port that the sidecar of a v1 Pod serves /metrics at; 0: it has none.
int control_port(const nlohmann::json& pod);

// Name and readiness of a v1 Pod.
PodView pod_view(const nlohmann::json& pod);

// Adds what the sidecar says (text format 0.0.4). Lines that are not known are skipped.
void add_metrics(std::string_view text, PodView& view);

// One row per pod, by name.
std::string pods_table(std::vector<PodView> pods);

}  // namespace sidestep::op::cli
