// sidestep-operator: flags and environment → options → run.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <iostream>

#include "lib/base/duration.h"
#include "lib/k8s/ca_bundle.h"
#include "lib/policy/signature.h"
#include "lib/policy/url.h"
#include "operator/app.h"

namespace {

using sidestep::op::OperatorOptions;

std::string env(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

std::string unique_identity() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return env("POD_NAME", host.data()) + "_" + sidestep::policy::random_hex(4);
}

// Threads share what memory there is: an arena for each would keep what a storm needed once. Large blocks
// (pages of lists) always go back to the system; without these lines glibc begins to keep them.
void keep_memory_small() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

std::string is_duration(const std::string& text) {
  const auto parsed = sidestep::parse_duration(text);
  return parsed ? "" : parsed.error().detail;
}

std::string is_address(const std::string& text) {
  if (sidestep::policy::is_allow_entry(text)) return "";
  return text + " is neither a host nor a URL; write for instance http://prometheus.monitoring:9090";
}

std::string is_ca_file(const std::string& path) {
  const auto read = sidestep::k8s::read_ca_file(path);
  return read ? "" : read.error().detail + "; name a PEM file of certificates";
}

void add_analysis_flags(CLI::App& app, OperatorOptions& options, std::vector<std::string>& tokens) {
  app.add_option("--analysis-allow", options.analysis_allow,
                 "hosts and URLs that metrics and webhooks of policies may name, for instance "
                 "http://prometheus.monitoring:9090; default: none, since a policy could otherwise make the "
                 "operator call whatever it can reach")
      ->delimiter(',')
      ->check(CLI::Validator(is_address, "HOST|URL"));
  app.add_option("--analysis-token-file", tokens,
                 "bearer token, read anew from FILE for each query, for metrics whose address begins with "
                 "ADDRESS, and for nothing else; several times for several servers")
      ->type_name("ADDRESS=FILE");
  app.add_option(
         "--analysis-ca-file", options.analysis_ca_file,
         "PEM file of authorities that servers of metrics and webhooks may be certified by, beside the "
         "system's; read again when it changes")
      ->check(CLI::Validator(is_ca_file, "FILE"));
}

void add_flags(CLI::App& app, OperatorOptions& options, std::string& level, std::string& format) {
  app.add_option("--kubeconfig", options.access.kubeconfig_flag,
                 "kubeconfig; default $KUBECONFIG, the pod's account, ~/.kube/config");
  app.add_option("--context", options.access.context_flag, "context of the kubeconfig");
  app.add_option("--namespace", options.name_space,
                 "namespace of the lease and the key; default $POD_NAMESPACE");
  app.add_option("--watch-namespace", options.watch_namespace,
                 "look at this namespace alone, which needs no ClusterRole; default: all");
  app.add_option("--lease", options.lease, "name of the lease")->capture_default_str();
  app.add_option("--key-secret", options.secret, "Secret that holds the signing key")->capture_default_str();
  app.add_option("--listen", options.listen, "address for /healthz, /readyz and /metrics")
      ->capture_default_str();
  app.add_option("--webhook-listen", options.webhook.listen,
                 "address of the injecting webhook, for instance :9443; default: none");
  app.add_option("--webhook-service", options.webhook.service, "Service by which API servers call it")
      ->capture_default_str();
  app.add_option("--webhook-host", options.webhook.host, "name or address that they call it by as well");
  app.add_option("--webhook-secret", options.webhook.secret, "Secret that holds its certificate")
      ->capture_default_str();
  app.add_option("--webhook-configuration", options.webhook.configuration,
                 "MutatingWebhookConfiguration that is told its authority")
      ->capture_default_str();
  app.add_option("--webhook-max-connections", options.webhook.max_connections,
                 "connections to the webhook; each may hold 512 KiB")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--webhook-max-per-source", options.webhook.max_per_source,
                 "of them from one address: what an API server opens at once")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--sidecar-image", options.webhook.sidecar_image, "image that it injects")
      ->capture_default_str();
  app.add_option("--workers", options.workers, "policies worked on at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--api-requests-per-second", options.api_requests,
                 "to the API server, twice as many at once; it has a say of its own, by 429 and Retry-After")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--max-reloads", options.max_reloads, "reloads at a time in the cluster; 0: any number")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  app.add_option("--max-reloads-per-namespace", options.max_reloads_per_namespace,
                 "reloads at a time in each namespace; 0: any number")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  app.add_option("--log-level", level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_option("--log-format", format, "text or json")->check(CLI::IsMember({"text", "json"}));
}

void add_duration(CLI::App& app, const char* name, sidestep::Millis& value, const char* help) {
  app.add_option_function<std::string>(
         name, [&value](const std::string& text) { value = sidestep::parse_duration(text).value_or(value); },
         help)
      ->check(CLI::Validator(is_duration, "DURATION"))
      ->default_str(sidestep::format_duration(value));
}

sidestep::log::Level level_of(const std::string& name) {
  using sidestep::log::Level;
  if (name == "debug") return Level::kDebug;
  if (name == "warn") return Level::kWarn;
  return name == "error" ? Level::kError : Level::kInfo;
}

}  // namespace

int main(int argc, char** argv) {
  keep_memory_small();
  OperatorOptions options;
  options.name_space = env("POD_NAMESPACE", "sidestep-system");
  options.access.kubeconfig_env = env("KUBECONFIG");
  options.access.service_host = env("KUBERNETES_SERVICE_HOST");
  options.access.service_port = env("KUBERNETES_SERVICE_PORT");
  options.access.home = env("HOME");
  options.access.allow_exec = true;
  options.identity = unique_identity();
  std::string level = "info", format = "text";
  CLI::App app{
      "Sidestep's operator: watches ReloadPolicies and Reloads and steers the sidecars of their pods.",
      "sidestep-operator"};
  app.set_version_flag("--version", SIDESTEP_VERSION);
  add_flags(app, options, level, format);
  std::vector<std::string> tokens;
  add_analysis_flags(app, options, tokens);
  auto& lease = options.lease_limits;
  add_duration(app, "--lease-duration", lease.duration, "how long others wait for a silent leader");
  add_duration(app, "--renew-deadline", lease.renew_deadline,
               "how long a leader tries to renew before it gives up");
  add_duration(app, "--retry-period", lease.retry, "between two tries");
  add_duration(app, "--webhook-check", options.webhook.check,
               "between two looks at the webhook's certificate");
  add_duration(app, "--api-dead-after", options.api_dead_after,
               "when a connection to the API server that acknowledges nothing is given up; 2s to 5m");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (lease.duration <= lease.renew_deadline || lease.renew_deadline * 10 <= lease.retry * 12) {
    std::cerr << "--lease-duration must be above --renew-deadline, and that above 1.2 times --retry-period\n";
    return 2;
  }
  if (options.api_dead_after < sidestep::Seconds(2) || options.api_dead_after > sidestep::Seconds(300)) {
    std::cerr << "--api-dead-after must be from 2s to 5m\n";
    return 2;
  }
  auto read = sidestep::op::parse_token_flags(tokens);
  if (!read) {
    std::cerr << "--analysis-token-file: " << read.error().detail << "\n";
    return 2;
  }
  options.analysis_tokens = *std::move(read);
  options.log_level = level_of(level);
  options.log_format = format == "json" ? sidestep::log::Format::kJson : sidestep::log::Format::kText;
  return run_operator(options);
}
