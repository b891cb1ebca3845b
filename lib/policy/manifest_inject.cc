#include "lib/policy/manifest_inject.h"

#include <deque>
#include <utility>

#include "lib/policy/manifest.h"
#include "lib/policy/value_edit.h"

namespace sidestep::policy {
namespace {

class Stream {
 public:
  Stream(const std::string& image, bool all) : image_(image), all_(all) {}

  void read(const LintFile& file) {
    for (DocumentText& part : split_documents(file.text)) {
      auto tree = parse_document(part.padded(), file.name);
      if (!tree) {
        out_.mistakes.push_back(tree.error().detail);
        continue;
      }
      if (text_at(*tree, "kind") == "ReloadPolicy")
        read_policy(file.name, part.padded(), *tree);
      const bool begins_file = part.lines_before == 0;
      documents_.push_back({file.name, std::move(part.text), begins_file, *std::move(tree)});
    }
  }

  InjectedText finish() {
    for (Document& document : documents_) {
      bool is_changed = false;
      for (const Workload& workload : workloads_of(document.tree))
        is_changed = inject(document, workload) || is_changed;
      append(document, is_changed);
    }
    return std::move(out_);
  }

 private:
  struct Document {
    std::string file;
    std::string text;
    bool begins_file;
    Value tree;
  };

  struct Policy {
    std::string name_space;
    std::string name;
    PolicySpec spec;
  };

  void read_policy(const std::string& file, const std::string& text, const Value& tree) {
    auto spec = parse_policy(text, file);
    if (spec)
      policies_.push_back(
          {text_at(tree, "metadata.namespace"), text_at(tree, "metadata.name"), *std::move(spec)});
    else
      out_.mistakes.push_back(spec.error().detail);
  }

  const Policy* policy_of(const Workload& workload) const {
    for (const Policy& policy : policies_)
      if (is_for(policy.spec, policy.name_space, workload)) return &policy;
    return nullptr;
  }

  bool inject(Document& document, const Workload& workload) {
    const std::string label = workload.label(kInjectLabel);
    if (label != "true" && !(all_ && label.empty())) return false;
    const Policy* policy = policy_of(workload);
    const InjectSettings settings{image_, workload.place, policy == nullptr ? nullptr : &policy->spec,
                                  policy == nullptr ? "" : policy->name};
    Injection injection = inject_pod(*workload.pod_template, settings);
    for (const Finding& each : injection.refusals) out_.mistakes.push_back(each.text(document.file));
    for (const Finding& each : injection.notes) out_.notes.push_back(each.text(document.file));
    if (!injection.is_changed) return false;
    *const_cast<Value*>(workload.pod_template) = *std::move(injection.pod_template);  // of document.tree
    ++out_.changed;
    return true;
  }

  void append(const Document& document, bool is_changed) {
    if (!out_.text.empty() && out_.text.back() != '\n') out_.text += '\n';
    if (!document.begins_file || !out_.text.empty()) out_.text += "---\n";
    out_.text += is_changed ? yaml_text(document.tree) : document.text;
  }

  const std::string& image_;
  const bool all_;
  std::deque<Document> documents_;
  std::deque<Policy> policies_;
  InjectedText out_;
};

}  // namespace

InjectedText inject_manifests(const std::vector<LintFile>& files, const std::string& image, bool all) {
  Stream stream(image, all);
  for (const LintFile& file : files) stream.read(file);
  return stream.finish();
}

}  // namespace sidestep::policy
