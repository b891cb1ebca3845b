#include "lib/k8s/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "lib/k8s/base64.h"
#include "lib/k8s/exec_plugin.h"
#include "lib/k8s/json_fields.h"

namespace sidestep::k8s {
namespace {

struct File {
  std::string path;
  YAML::Node root;
};

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string text_of(const YAML::Node& node, const char* key) {
  if (!node.IsMap() || !node[key] || !node[key].IsScalar()) return {};
  return node[key].as<std::string>();
}

Result<std::vector<File>> read_files(const std::vector<std::string>& paths) {
  std::vector<File> files;
  for (const std::string& path : paths) {
    const auto text = read_file(path);
    if (!text) continue;
    try {
      files.push_back({path, YAML::Load(*text)});
    } catch (const YAML::Exception& broken) {
      return invalid(path + ": not YAML: " + broken.what());
    }
  }
  if (files.empty())
    return not_found("no kubeconfig: " + (paths.empty() ? "" : paths.front()) + " cannot be read");
  return files;
}

// The entry called `name` in the list `list` of the first file that has one, and that file's path.
std::optional<std::pair<YAML::Node, std::string>> entry(const std::vector<File>& files, const char* list,
                                                        const std::string& name) {
  for (const File& file : files) {
    if (!file.root.IsMap() || !file.root[list] || !file.root[list].IsSequence()) continue;
    for (const auto& item : file.root[list])
      if (text_of(item, "name") == name) return std::pair{YAML::Node(item), file.path};
  }
  return std::nullopt;
}

// A name of a file, as seen from the kubeconfig that it stands in.
std::string beside(const std::string& path, const std::string& name) {
  return name.empty() ? name : (std::filesystem::path(path).parent_path() / name).string();
}

// `key`-data in base64, or the file that `key` names, relative to the kubeconfig.
Result<std::string> pem_of(const YAML::Node& node, const std::string& key, const std::string& path) {
  if (const std::string data = text_of(node, (key + "-data").c_str()); !data.empty()) {
    auto decoded = base64_decode(data);
    if (!decoded) return invalid(path + ": " + key + "-data: " + decoded.error().detail);
    return decoded;
  }
  const std::string name = text_of(node, key.c_str());
  if (name.empty()) return std::string();
  auto text = read_file(beside(path, name));
  if (!text) return invalid(path + ": " + key + ": cannot read " + beside(path, name));
  return *text;
}

Status run_exec(const YAML::Node& exec, Endpoint& endpoint, const std::string& path) {
  PluginCommand plugin{.command = text_of(exec, "command"), .arguments = {}, .environment = {}};
  if (plugin.command.empty()) return invalid(path + ": exec has no command");
  if (plugin.command.find('/') != std::string::npos) plugin.command = beside(path, plugin.command);
  if (exec["args"])
    for (const auto& word : exec["args"]) plugin.arguments.push_back(word.as<std::string>());
  if (exec["env"] && exec["env"].IsSequence())
    for (const auto& item : exec["env"]) plugin.environment[text_of(item, "name")] = text_of(item, "value");
  std::string version = text_of(exec, "apiVersion");
  if (version.empty()) version = "client.authentication.k8s.io/v1";
  const nlohmann::json info = {
      {"apiVersion", version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  plugin.environment["KUBERNETES_EXEC_INFO"] = info.dump();
  auto output = run_plugin(plugin);
  if (!output) return output.error();
  auto credential = parse_exec_credential(*output);
  if (!credential) return invalid(plugin.command + ": " + credential.error().detail);
  endpoint.token = credential->token;
  endpoint.client_cert_pem = credential->client_cert_pem;
  endpoint.client_key_pem = credential->client_key_pem;
  return {};
}

Status read_user(const YAML::Node& user, const std::string& path, bool allow_exec, Endpoint& endpoint) {
  for (const char* key : {"as", "as-uid", "as-groups", "as-user-extra"})
    if (user.IsMap() && user[key])
      return refused(path + ": user." + key +
                     " is not supported, and without it requests would go out under another name; " +
                     "name a context with credentials of its own");
  auto cert = pem_of(user, "client-certificate", path);
  if (!cert) return cert.error();
  auto key = pem_of(user, "client-key", path);
  if (!key) return key.error();
  endpoint.client_cert_pem = *cert;
  endpoint.client_key_pem = *key;
  endpoint.token = text_of(user, "token");
  endpoint.token_file = beside(path, text_of(user, "tokenFile"));
  if (!user.IsMap() || !user["exec"]) return {};
  if (!allow_exec)
    return refused(path + ": exec credentials are not used here; give a token or a client certificate");
  return run_exec(user["exec"], endpoint, path);
}

Status read_cluster(const YAML::Node& cluster, const std::string& path, Endpoint& endpoint) {
  endpoint.server = text_of(cluster, "server");
  if (!endpoint.server.starts_with("https://") && !endpoint.server.starts_with("http://"))
    return invalid(path + ": cluster.server is \"" + endpoint.server + "\"; it must begin with https://");
  while (endpoint.server.ends_with("/")) endpoint.server.pop_back();
  auto ca = pem_of(cluster, "certificate-authority", path);
  if (!ca) return ca.error();
  endpoint.ca_pem = *ca;
  const std::string file = text_of(cluster, "certificate-authority");
  if (!file.empty() && text_of(cluster, "certificate-authority-data").empty())
    endpoint.ca_file = beside(path, file);
  endpoint.tls_server_name = text_of(cluster, "tls-server-name");
  endpoint.insecure = text_of(cluster, "insecure-skip-tls-verify") == "true";
  return {};
}

Result<Access> from_files(const std::vector<std::string>& paths, const AccessSources& sources) {
  auto files = read_files(paths);
  if (!files) return files.error();
  std::string context_name = sources.context_flag;
  for (const File& file : *files)
    if (context_name.empty()) context_name = text_of(file.root, "current-context");
  const std::string first = files->front().path;
  if (context_name.empty()) return invalid(first + ": no current-context; name one with --context");
  const auto context = entry(*files, "contexts", context_name);
  if (!context) return invalid(first + ": there is no context \"" + context_name + "\"");
  const YAML::Node body = context->first["context"];
  Access access;
  access.source = context->second;
  if (const std::string name = text_of(body, "namespace"); !name.empty()) access.name_space = name;
  const auto cluster = entry(*files, "clusters", text_of(body, "cluster"));
  if (!cluster)
    return invalid(context->second + ": context \"" + context_name + "\" names a cluster that is not there");
  if (auto read = read_cluster(cluster->first["cluster"], cluster->second, access.endpoint); !read)
    return read.error();
  const std::string user_name = text_of(body, "user");
  const auto user = entry(*files, "users", user_name);
  if (!user && !user_name.empty())
    return invalid(context->second + ": context \"" + context_name +
                   "\" names a user that is not there: " + user_name);
  if (!user) return access;
  if (auto read = read_user(user->first["user"], user->second, sources.allow_exec, access.endpoint); !read)
    return read.error();
  return access;
}

Result<Access> from_service_account(const AccessSources& sources) {
  Access access;
  access.source = "in-cluster";
  const bool is_v6 = sources.service_host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + sources.service_host + "]" : sources.service_host;
  access.endpoint.server =
      "https://" + host + ":" + (sources.service_port.empty() ? "443" : sources.service_port);
  access.endpoint.token_file = sources.service_account + "/token";
  auto ca = read_file(sources.service_account + "/ca.crt");
  if (!ca)
    return not_found("cannot read " + sources.service_account +
                     "/ca.crt; is automountServiceAccountToken off?");
  access.endpoint.ca_pem = *ca;
  access.endpoint.ca_file = sources.service_account + "/ca.crt";
  if (auto name = read_file(sources.service_account + "/namespace"); name && !name->empty())
    access.name_space = *name;
  return access;
}

std::vector<std::string> split_paths(const std::string& text) {
  std::vector<std::string> paths;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ':');)
    if (!part.empty()) paths.push_back(part);
  return paths;
}

}  // namespace

Result<Access> find_access(const AccessSources& sources) {
  try {
    if (!sources.kubeconfig_flag.empty()) return from_files({sources.kubeconfig_flag}, sources);
    if (!sources.kubeconfig_env.empty()) return from_files(split_paths(sources.kubeconfig_env), sources);
    if (!sources.service_host.empty()) return from_service_account(sources);
    return from_files({sources.home + "/.kube/config"}, sources);
  } catch (const YAML::Exception& broken) {
    return invalid(std::string("kubeconfig: ") + broken.what());
  }
}

Result<ExecCredential> parse_exec_credential(const std::string& output) {
  const auto root = nlohmann::json::parse(output, nullptr, false);
  if (text_field(root, "kind") != "ExecCredential" || !field(root, "status").is_object())
    return invalid("the plugin's output is not an ExecCredential with a status");
  const auto& status = root["status"];
  ExecCredential credential{text_field(status, "token"), text_field(status, "clientCertificateData"),
                            text_field(status, "clientKeyData")};
  if (credential.token.empty() && credential.client_cert_pem.empty())
    return invalid("the plugin gave neither a token nor a client certificate");
  return credential;
}

}  // namespace sidestep::k8s
