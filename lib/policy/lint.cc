#include "lib/policy/lint.h"

#include <deque>
#include <utility>

#include "lib/policy/manifest.h"
#include "lib/policy/pod_inject.h"

namespace sidestep::policy {
namespace {

class Linter {
 public:
  explicit Linter(const PolicyCheck& check) : check_(check) {}

  void read_policy(const std::string& shown_name, const std::string& text, const std::string& file,
                   std::string name_space = {}) {
    auto spec = parse_policy(text, file);
    if (!spec)
      lines_.mistakes.push_back(spec.error().detail);
    else
      policies_.push_back({shown_name, std::move(name_space), *std::move(spec)});
  }

  void read_manifest(const LintFile& file) {
    for (const DocumentText& part : split_documents(file.text)) {
      const std::string text = part.padded();
      auto document = parse_document(text, file.name);
      if (!document) {
        lines_.mistakes.push_back(document.error().detail);
        continue;
      }
      documents_.push_back({file.name, *std::move(document)});
      const Value& value = documents_.back().second;
      if (text_at(value, "kind") == "ReloadPolicy") read_object(file.name, text, value);
    }
  }

  LintLines judge() {
    bool is_empty = policies_.empty() && lines_.mistakes.empty() && !documents_.empty();
    for (const auto& [file, document] : documents_) {
      for (const Workload& workload : workloads_of(document)) {
        is_empty = false;
        PodCase pod{workload.spec, workload.place + "spec", workload.label(kInjectLabel) == "true"};
        for (const auto& [name, name_space, spec] : policies_)
          if (is_for(spec, name_space, workload)) pod.policies.emplace_back(name, &spec);
        add(file, judge_pod(pod));
        if (pod.is_injected_later && find_sidecar(*pod.spec) == nullptr) judge_injection(file, workload, pod);
      }
    }
    if (is_empty)
      lines_.mistakes.push_back(documents_.front().first +
                                ": there is no ReloadPolicy, Deployment, StatefulSet, DaemonSet or Pod to "
                                "check; name a file that holds one");
    return std::move(lines_);
  }

 private:
  void read_object(const std::string& file, const std::string& text, const Value& document) {
    const std::size_t before = policies_.size();
    read_policy("ReloadPolicy " + text_at(document, "metadata.name"), text, file,
                text_at(document, "metadata.namespace"));
    if (policies_.size() == before) return;
    const PolicySpec& spec = policies_.back().spec;
    std::vector<Finding> findings;
    if (!spec.target_ref && spec.selector.empty())
      findings.push_back(
          {document.line, "spec.targetRef", "", "neither targetRef nor selector is set; set one of them"});
    add(file, std::move(findings));
    if (check_) add(file, check_(document, spec));
  }

  // As the webhook will.
  void judge_injection(const std::string& file, const Workload& workload, const PodCase& pod) {
    InjectSettings settings;
    settings.place = workload.place;
    settings.policy = pod.policies.empty() ? nullptr : pod.policies.front().second;
    settings.admits_weaker_probe = true;  // not so with what cannot be pinned: people believe that it is
    Injection injection = inject_pod(*workload.pod_template, settings);
    add(file, std::move(injection.refusals));
    add(file, std::move(injection.warnings));
  }

  void add(const std::string& file, std::vector<Finding> findings) {
    for (const Finding& finding : findings)
      (finding.is_warning ? lines_.warnings : lines_.mistakes).push_back(finding.text(file));
  }

  const PolicyCheck& check_;
  std::deque<std::pair<std::string, Value>> documents_;  // with their files
  struct Policy {
    std::string name;
    std::string name_space;
    PolicySpec spec;
  };
  std::deque<Policy> policies_;
  LintLines lines_;
};

}  // namespace

LintLines lint(const std::vector<LintFile>& policies, const std::vector<LintFile>& manifests,
               const PolicyCheck& check) {
  Linter linter(check);
  for (const LintFile& file : policies) linter.read_policy(file.name, file.text, file.name);
  for (const LintFile& file : manifests) linter.read_manifest(file);
  return linter.judge();
}

}  // namespace sidestep::policy
