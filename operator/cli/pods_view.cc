#include "operator/cli/pods_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"
#include "lib/policy/pod_judge.h"
#include "operator/cli/render.h"

namespace sidestep::op::cli {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

constexpr int kUsualPort = 8086;

// The value of a label in `name{a="x",b="y"} 1`; "" when it has none.
std::string label_in(std::string_view line, std::string_view label) {
  const std::string begin = std::string(label) + "=\"";
  const std::size_t at = line.find(begin);
  if (at == std::string_view::npos) return {};
  const std::string_view value = line.substr(at + begin.size());
  return std::string(value.substr(0, value.find('"')));
}

double value_in(std::string_view line) {
  const std::size_t space = line.rfind(' ');
  return space == std::string_view::npos ? 0
                                         : std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
}

// "4 (95%)"; several of a role are separated by commas.
std::string shares(const PodView& pod, std::string_view role, bool with_ratio) {
  std::string cell;
  for (const GenerationShare& each : pod.generations) {
    if (each.role != role) continue;
    cell += (cell.empty() ? "" : ", ") + each.generation;
    if (with_ratio) cell += " (" + percent_text(static_cast<int>(std::lround(each.ratio * 10'000))) + ")";
  }
  return cell.empty() ? "-" : cell;
}

}  // namespace

int control_port(const Json& pod) {
  for (const char* list : {"initContainers", "containers"})
    for (const Json& container : field(field(pod, "spec"), list)) {
      if (text_field(container, "name") != policy::kSidecarContainer) continue;
      for (const Json& port : field(container, "ports"))
        if (text_field(port, "name") == policy::kControlPortName &&
            field(port, "containerPort").is_number_integer())
          return port["containerPort"].get<int>();
      return kUsualPort;
    }
  return 0;
}

PodView pod_view(const Json& pod) {
  PodView view;
  view.name = text_field(field(pod, "metadata"), "name");
  for (const Json& condition : field(field(pod, "status"), "conditions"))
    if (text_field(condition, "type") == "Ready") view.is_ready = text_field(condition, "status") == "True";
  return view;
}

void add_metrics(std::string_view text, PodView& view) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("sidestep_phase{") && value_in(line) == 1) view.phase = label_in(line, "phase");
    if (line.starts_with("sidestep_generation_weight_ratio{"))
      view.generations.push_back({label_in(line, "generation"), label_in(line, "role"), value_in(line)});
  }
}

std::string pods_table(std::vector<PodView> pods) {
  std::sort(pods.begin(), pods.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<Row> rows{{"POD", "READY", "PHASE", "ACTIVE", "CANDIDATE", "RETIRING", "NOTE"}};
  for (const PodView& pod : pods)
    rows.push_back({pod.name, pod.is_ready ? "True" : "False", pod.phase.empty() ? "-" : pod.phase,
                    shares(pod, "active", true), shares(pod, "candidate", true),
                    shares(pod, "retiring", false), pod.note});
  return table(rows);
}

}  // namespace sidestep::op::cli
