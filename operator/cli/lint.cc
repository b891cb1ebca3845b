#include "operator/cli/lint.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/policy/schedule.h"

namespace sidestep::op::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPodSpecs{
    {{"Deployment", "spec.template.spec"},
     {"StatefulSet", "spec.template.spec"},
     {"DaemonSet", "spec.template.spec"},
     {"Pod", "spec"}}};

// The documents of a YAML stream, each behind as many line ends as there are lines before it, so that line
// numbers hold.
std::vector<std::string> documents_of(std::string_view text) {
  std::vector<std::string> documents{""};
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view row = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    ++line;
    const bool is_border =
        row.starts_with("---") && (row.size() == 3 || row[3] == '\n' || row[3] == ' ' || row[3] == '\r');
    if (is_border)
      documents.emplace_back(line, '\n');
    else
      documents.back() += row;
  }
  return documents;
}

struct Document {
  std::string file_name;
  policy::Value value;
  std::string kind;
  std::string name;
  std::string text;
};

std::string line_of(const std::string& file_name, const Finding& finding) {
  return file_name + ":" + std::to_string(finding.line) + ": " + finding.place + ": " +
         (finding.value.empty() ? "" : finding.value + ": ") + finding.wrong_and_fix;
}

// What parse_policy leaves to machines with a time zone database.
void lint_schedule(const Document& document, const policy::PolicySpec& spec, std::vector<Finding>& findings) {
  if (!spec.triggers.schedule) return;
  const auto due = policy::next_due(*spec.triggers.schedule, WallTime{});
  const policy::Value* schedule = at_path(document.value, "spec.triggers.schedule");
  if (!due && schedule)
    findings.push_back({schedule->line, "spec.triggers.schedule", "", due.error().detail});
}

struct Linter {
  std::vector<std::string> lines = {};
  std::vector<Document> documents = {};
  std::vector<std::pair<const Document*, policy::PolicySpec>> policies = {};

  void read(const LintInput& input) {
    for (std::string& part : documents_of(input.text)) {
      if (part.find_first_not_of(" \t\r\n") == part.npos) continue;
      auto value = policy::parse_document(part, input.file_name);
      if (!value) {
        lines.push_back(value.error().detail);
        continue;
      }
      if (value->kind == policy::ValueKind::kNull) continue;
      documents.push_back({input.file_name, *std::move(value), "", "", std::move(part)});
      Document& document = documents.back();
      document.kind = text_at(document.value, "kind");
      document.name = text_at(document.value, "metadata.name");
    }
  }

  void lint_policies() {
    for (const Document& document : documents) {
      if (document.kind != "ReloadPolicy") continue;
      auto spec = policy::parse_policy(document.text, document.file_name);
      if (!spec) {
        lines.push_back(spec.error().detail);
        continue;
      }
      std::vector<Finding> findings;
      if (!spec->target_ref && spec->selector.empty())
        findings.push_back(
            {document.value.line, "spec", "", "neither targetRef nor selector is set; set one of them"});
      lint_schedule(document, *spec, findings);
      for (const Finding& finding : findings) lines.push_back(line_of(document.file_name, finding));
      policies.emplace_back(&document, *std::move(spec));
    }
  }

  const policy::PolicySpec* policy_of(const Document& workload) const {
    for (const auto& [document, spec] : policies) {
      if (spec.target_ref && spec.target_ref->kind == workload.kind && spec.target_ref->name == workload.name)
        return &spec;
    }
    return nullptr;
  }

  void lint_workloads() {
    for (const Document& document : documents) {
      for (const auto& [kind, path] : kPodSpecs) {
        const policy::Value* spec = document.kind == kind ? at_path(document.value, path) : nullptr;
        if (spec == nullptr) continue;
        const std::string place = document.kind + "/" + document.name + ": " + std::string(path);
        for (const Finding& finding : lint_pod(*spec, place, policy_of(document)))
          lines.push_back(line_of(document.file_name, finding));
      }
    }
  }
};

}  // namespace

const policy::Value* at_path(const policy::Value& map, std::string_view path) {
  const policy::Value* at = &map;
  while (at != nullptr && !path.empty()) {
    const auto dot = path.find('.');
    at = member(*at, path.substr(0, dot));
    path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::string text_at(const policy::Value& map, std::string_view path) {
  const policy::Value* value = at_path(map, path);
  return value != nullptr && value->kind == policy::ValueKind::kScalar ? value->text : std::string();
}

std::vector<std::string> lint(const std::vector<LintInput>& inputs) {
  Linter linter;
  for (const LintInput& input : inputs) linter.read(input);
  linter.lint_policies();
  linter.lint_workloads();
  const auto is_known = [](const Document& document) {
    return document.kind == "ReloadPolicy" ||
           std::any_of(kPodSpecs.begin(), kPodSpecs.end(),
                       [&](const auto& each) { return each.first == document.kind; });
  };
  if (linter.lines.empty() && std::none_of(linter.documents.begin(), linter.documents.end(), is_known))
    linter.lines.emplace_back(
        "there is no ReloadPolicy, Deployment, StatefulSet, DaemonSet or Pod to check; name a file that "
        "holds one");
  return std::move(linter.lines);
}

}  // namespace sidestep::op::cli
