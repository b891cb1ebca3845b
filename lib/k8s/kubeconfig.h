// Finds out which API server to speak to, and as whom: --kubeconfig, then $KUBECONFIG, then the service
// account of the pod, then ~/.kube/config. The only unit of this layer that includes yaml-cpp.
//
// Reads files, and runs the exec plugin a kubeconfig names (KEP-541) when the caller allows it; opens no
// connection.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/k8s/curl_transport.h"

namespace sidestep::k8s {

// Everything the choice depends on. main fills it from flags and environment.
struct AccessSources {
  std::string kubeconfig_flag = {};
  std::string context_flag = {};
  std::string kubeconfig_env = {};  // $KUBECONFIG: files separated by ':'; the first to define a name wins
  std::string service_host = {};    // $KUBERNETES_SERVICE_HOST
  std::string service_port = {};    // $KUBERNETES_SERVICE_PORT
  std::string home = {};            // $HOME
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
  bool allow_exec = false;  // run credential plugins
};

struct Access {
  Endpoint endpoint;
  std::string name_space = "default";  // of the context, or of the pod
  std::string source = {};             // for messages: the file, or "in-cluster"
};

// Every error names the file and what to write instead. Files that a kubeconfig names are looked for beside
// it, as kubectl does.
Result<Access> find_access(const AccessSources& sources);

// The credentials in the output of an exec plugin (client.authentication.k8s.io ExecCredential).
struct ExecCredential {
  std::string token, client_cert_pem, client_key_pem;
};
Result<ExecCredential> parse_exec_credential(const std::string& output);

}  // namespace sidestep::k8s
