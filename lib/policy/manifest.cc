#include "lib/policy/manifest.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostDocuments = 1'000;
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kTemplates{
    {{"Deployment", "spec.template"},
     {"StatefulSet", "spec.template"},
     {"DaemonSet", "spec.template"},
     {"ReplicaSet", "spec.template"},
     {"Job", "spec.template"},
     {"CronJob", "spec.jobTemplate.spec.template"},
     {"Pod", ""}}};

void add_workload(const Value& object, std::vector<Workload>& found) {
  const std::string kind = text_at(object, "kind");
  const auto* known = std::find_if(kTemplates.begin(), kTemplates.end(),
                                   [&kind](const auto& each) { return each.first == kind; });
  if (known == kTemplates.end()) return;
  Workload workload{kind,
                    text_at(object, "metadata.name"),
                    text_at(object, "metadata.namespace"),
                    at_path(object, known->second),
                    nullptr,
                    ""};
  workload.spec = field(workload.pod_template, "spec");
  if (workload.spec == nullptr) return;
  const std::string path(known->second);
  workload.place = kind + "/" + workload.name + ": " + path + (path.empty() ? "" : ".");
  found.push_back(std::move(workload));
}

}  // namespace

std::vector<DocumentText> split_documents(std::string_view text) {
  std::vector<DocumentText> documents(1);
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view row = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    ++line;
    const bool is_border = row.starts_with("---") && (row.size() == 3 || row[3] == '\n' || row[3] == ' ' ||
                                                      row[3] == '\t' || row[3] == '\r');
    if (is_border && documents.size() <= kMostDocuments)
      documents.push_back({"", line});
    else
      documents.back().text += row;
  }
  return documents;
}

std::string Workload::label(std::string_view key) const {
  const Value* labels = at_path(*pod_template, "metadata.labels");
  const Value* value = field(labels, key);
  return value == nullptr ? std::string() : value->text;
}

std::vector<Workload> workloads_of(const Value& document) {
  std::vector<Workload> found;
  add_workload(document, found);
  if (text_at(document, "kind") == "List") {
    for (const Value& item : items_of(document, "items")) add_workload(item, found);
  }
  return found;
}

bool is_for(const PolicySpec& policy, const std::string& name_space, const Workload& workload) {
  if (!name_space.empty() && !workload.name_space.empty() && name_space != workload.name_space) return false;
  if (policy.target_ref)
    return policy.target_ref->kind == workload.kind && policy.target_ref->name == workload.name;
  for (const auto& [name, value] : policy.selector)
    if (workload.label(name) != value) return false;
  return true;
}

}  // namespace sidestep::policy
