// Composition root of the operator: constructs and connects everything, runs until a signal or until the
// lease is lost.
//
// Every replica keeps its caches warm and answers health checks; only the leader decides and writes. A lost
// lease ends the process: a successor may be at work already.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/k8s/curl_transport.h"
#include "lib/k8s/kubeconfig.h"
#include "lib/k8s/lease.h"
#include "operator/app_webhook.h"
#include "operator/io/analysis_tokens.h"

namespace sidestep::op {

struct OperatorOptions {
  k8s::AccessSources access;
  std::string name_space = "sidestep-system";  // of the Lease and of the key
  std::string watch_namespace;                 // whose policies count; empty: all
  std::string lease = "sidestep-operator";
  std::string secret = "sidestep-operator-key";
  std::string identity;          // of this process in the Lease; unique
  std::string listen = ":8080";  // health and metrics
  WebhookOptions webhook;
  int workers = 4;                          // policies worked on at the same time
  int api_requests = 500;                   // a second, twice as many at once; watches and the lease apart
  std::vector<std::string> analysis_allow;  // hosts and URLs that policies may make the operator call
  std::vector<AnalysisToken> analysis_tokens;
  std::string analysis_ca_file;             // PEM, trusted beside the system's by these calls; empty: none
  int max_reloads = 0;                      // at a time, in the cluster; 0: any number
  int max_reloads_per_namespace = 0;        // the same in each namespace
  k8s::LeaseLimits lease_limits;
  Millis api_dead_after = k8s::kDeadAfter;  // a connection to the API server that acknowledges nothing
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
};

// Exit status: 0 after a signal, 1 when it could not start or lost the lease.
int run_operator(const OperatorOptions& options);

}  // namespace sidestep::op
