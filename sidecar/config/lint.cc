#include "sidecar/config/lint.h"

#include <algorithm>
#include <deque>

#include "lib/policy/spec.h"
#include "sidecar/config/lint_pod.h"

namespace sidestep::sidecar {
namespace {

using policy::Value;

constexpr std::size_t kMostFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMostDocuments = 1'000;
constexpr std::string_view kUsage =
    "usage: sidestep lint [--policy FILE]… [--manifest FILE]…\n"
    "Looks at ReloadPolicies and at the manifests of the pods that they are for. Exits 0, or 2 when there is "
    "a\n"
    "mistake; warnings alone do not change that.\n";

struct NamedPolicy {
  std::string name;  // for a person
  policy::PolicySpec spec;
};

// The documents of a YAML stream, each behind as many empty lines as stand before it, so that its lines keep
// their numbers.
std::vector<std::string> documents_of(const std::string& text) {
  std::vector<std::string> documents(1);
  std::string before;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    before += '\n';
    if (line == "---" || line.starts_with("--- ") || line == "---\r") {
      if (documents.size() < kMostDocuments) documents.push_back(before);
    } else {
      documents.back() += std::string(line) + "\n";
    }
    at = end + 1;
  }
  return documents;
}

// The pod's spec of a workload, or nullptr.
const Value* pod_of(const Value& document, const std::string& kind, std::string& place) {
  const Value* spec = member(&document, "spec");
  place = "spec";
  if (kind == "Pod") return spec;
  const bool has_template = kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" ||
                            kind == "ReplicaSet" || kind == "Job";
  place = "spec.template.spec";
  return has_template ? member(member(spec, "template"), "spec") : nullptr;
}

class Linter {
 public:
  Findings lint(const std::vector<LintFile>& policies, const std::vector<LintFile>& manifests) {
    for (const LintFile& file : policies) read_policy(file.name, file.text, file.name);
    for (const LintFile& file : manifests) read_manifest(file);
    for (const Workload& workload : workloads_) {
      lint_pod(workload, findings_);
      for (const NamedPolicy& one : policies_) {
        if (is_for(one.spec, workload))
          lint_grace(workload, one.name, one.spec.shutdown.grace_period, findings_);
      }
    }
    return std::move(findings_);
  }

 private:
  void read_policy(const std::string& name, const std::string& text, const std::string& file) {
    auto spec = policy::parse_policy(text, file);
    if (spec)
      policies_.push_back({name, *std::move(spec)});
    else
      findings_.mistakes.push_back(spec.error().detail);
  }

  void read_manifest(const LintFile& file) {
    for (const std::string& text : documents_of(file.text)) {
      Result<Value> document = policy::parse_document(text, file.name);
      if (!document) {
        findings_.mistakes.push_back(document.error().detail);
        continue;
      }
      const std::string kind = text_of(member(&*document, "kind"));
      const std::string name = text_of(member(member(&*document, "metadata"), "name"));
      if (kind == "ReloadPolicy") {
        read_policy("ReloadPolicy " + name, text, file.name);
        continue;
      }
      documents_.push_back(*std::move(document));
      Workload workload{file.name, kind, name, nullptr, ""};
      workload.pod = pod_of(documents_.back(), kind, workload.place);
      if (workload.pod != nullptr) workloads_.push_back(std::move(workload));
    }
  }

  // A policy without a target is for whatever it is looked at with.
  static bool is_for(const policy::PolicySpec& spec, const Workload& workload) {
    if (spec.target_ref)
      return spec.target_ref->kind == workload.kind && spec.target_ref->name == workload.name;
    return spec.selector.empty();
  }

  std::deque<Value> documents_;  // what the workloads point into
  std::vector<Workload> workloads_;
  std::vector<NamedPolicy> policies_;
  Findings findings_;
};

LintOutcome wrong(const std::string& text) { return {text + "\n" + std::string(kUsage), 2}; }

}  // namespace

Findings lint(const std::vector<LintFile>& policies, const std::vector<LintFile>& manifests) {
  return Linter().lint(policies, manifests);
}

LintOutcome run_lint(const std::vector<std::string>& words, const Machine& machine) {
  std::vector<LintFile> policies, manifests;
  std::string mistakes;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string flag = words[i].substr(0, equals);
    if (flag == "--help" || flag == "-h") return {std::string(kUsage), 0};
    if (flag != "--policy" && flag != "--manifest")
      return wrong(flag + ": no option of sidestep lint; write --policy FILE or --manifest FILE");
    if (equals == std::string::npos && i + 1 == words.size())
      return wrong(flag + ": no value; write " + flag + " FILE");
    const std::string name = equals == std::string::npos ? words[++i] : words[i].substr(equals + 1);
    Result<std::string> text = machine.read_file(name, kMostFileBytes);
    if (!text)
      mistakes += flag + ": \"" + name + "\": " + text.error().detail + "; name a readable file\n";
    else
      (flag == "--policy" ? policies : manifests).push_back({name, *std::move(text)});
  }
  if (words.empty()) return wrong("sidestep lint: nothing to look at");
  const Findings findings = lint(policies, manifests);
  for (const std::string& line : findings.mistakes) mistakes += line + "\n";
  std::string out = mistakes;
  for (const std::string& line : findings.warnings) out += "warning: " + line + "\n";
  return {out, mistakes.empty() ? 0 : 2};
}

}  // namespace sidestep::sidecar
