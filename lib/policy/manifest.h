// Kubernetes manifests as text: their documents, and where in each a pod's spec stands. Decides nothing about
// what the pods hold: pod_judge.h does. Pure; pointers point into the documents that they were found in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/document.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

// One document of a YAML stream, without the border ("---") before it.
struct DocumentText {
  std::string text;
  std::size_t lines_before = 0;

  // Behind as many line ends as there are lines before it, so that line numbers hold.
  std::string padded() const { return std::string(lines_before, '\n') + text; }
};

// At most 1,000 documents; the rest of the text counts as one more, so that nothing is lost.
std::vector<DocumentText> split_documents(std::string_view text);

// An object that makes pods.
struct Workload {
  std::string kind;
  std::string name;
  std::string name_space;               // "" where the manifest leaves it to whoever applies it
  const Value* pod_template = nullptr;  // with metadata and spec; a Pod is its own
  const Value* spec = nullptr;          // the PodSpec
  std::string place;                    // of the template: "Deployment/shop: spec.template.", "Pod/shop: "

  // The labels of its pods.
  std::string label(std::string_view key) const;
};

// Those of a document: itself, or the items of a List. Empty for what makes no pods.
std::vector<Workload> workloads_of(const Value& document);

// Does the policy's targetRef or selector mean it? One without either is for whatever it is looked at with.
// `name_space` is the policy's; "", there or of the workload, is not known and may be any.
bool is_for(const PolicySpec& policy, const std::string& name_space, const Workload& workload);

}  // namespace sidestep::policy
