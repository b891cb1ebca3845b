// Kubernetes manifests as text: their documents, and where in each a pod's spec stands. Decides nothing about
// what the pods hold: pod_judge.h does. Pure; pointers point into the documents that they were found in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/document.h"

namespace sidestep::policy {

// The documents of a YAML stream, at most 1,000 of them (the rest is dropped), each behind as many line ends
// as there are lines before it, so that line numbers hold. Borders ("---") belong to no document.
std::vector<std::string> split_documents(std::string_view text);

// An object that makes pods.
struct Workload {
  std::string kind;
  std::string name;
  const Value* pod_template = nullptr;  // with metadata and spec; a Pod is its own
  const Value* spec = nullptr;          // the PodSpec
  std::string place;                    // of the PodSpec: "Deployment/shop: spec.template.spec"

  // The labels of its pods.
  std::string label(std::string_view key) const;
};

// Those of a document: itself, or the items of a List. Empty for what makes no pods.
std::vector<Workload> workloads_of(const Value& document);

}  // namespace sidestep::policy
