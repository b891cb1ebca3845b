// kubectl-sidestep: flags → options → commands → exit code (0 succeeded, 1 failed and rolled back, 2 wrong
// usage, 3 refused or superseded, 4 unreachable or timed out).
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "lib/base/duration.h"
#include "lib/k8s/curl_transport.h"
#include "lib/k8s/kubeconfig.h"
#include "lib/k8s/pause.h"
#include "operator/cli/commands.h"

namespace {

using namespace sidestep::op::cli;  // NOLINT: the program is this namespace

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string is_duration(const std::string& text) {
  const auto parsed = sidestep::parse_duration(text);
  return parsed ? "" : parsed.error().detail;
}

struct Flags {
  Options options;
  sidestep::k8s::AccessSources access;
  std::string output;
  bool no_wait = false;
};

void add_common(CLI::App& verb, Flags& flags) {
  verb.add_option("-n,--namespace", flags.options.name_space, "namespace; default: the context's");
  verb.add_option("--context", flags.access.context_flag, "context of the kubeconfig");
  verb.add_option("--kubeconfig", flags.access.kubeconfig_flag, "kubeconfig file");
  verb.add_option("-o,--output", flags.output, "json")->check(CLI::IsMember({"json"}));
}

void add_waiting(CLI::App& verb, Flags& flags) {
  verb.add_option_function<std::string>(
          "--timeout",
          [&flags](const std::string& text) {
            flags.options.timeout = sidestep::parse_duration(text).value_or(flags.options.timeout);
          },
          "how long to wait for the verdict")
      ->check(CLI::Validator(is_duration, "DURATION"))
      ->default_str("15m");
  verb.add_flag("--no-wait", flags.no_wait, "do not wait for the verdict");
}

CLI::App* add_verb(CLI::App& app, Flags& flags, const char* name, const char* help, Verb verb) {
  CLI::App* sub = app.add_subcommand(name, help);
  add_common(*sub, flags);
  sub->callback([&flags, verb] { flags.options.verb = verb; });
  if (verb != Verb::kStatus && verb != Verb::kRbac) add_waiting(*sub, flags);
  return sub;
}

void add_verbs(CLI::App& app, Flags& flags) {
  app.require_subcommand(1);
  CLI::App* status =
      add_verb(app, flags, "status", "policies, or one with its conditions and reloads", Verb::kStatus);
  status->add_option("POLICY", flags.options.name, "name of a ReloadPolicy");
  status->add_flag("-A,--all-namespaces", flags.options.all_namespaces, "all namespaces");
  CLI::App* reload = add_verb(app, flags, "reload", "start a reload and wait for its verdict", Verb::kReload);
  reload->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  reload->add_option("--reason", flags.options.reason, "why, for the record");
  reload->add_option("--token", flags.options.token, "the same token again is the same reload");
  CLI::App* promote =
      add_verb(app, flags, "promote", "skip the remaining steps of the running reload", Verb::kPromote);
  promote->add_option("NAME", flags.options.name, "name of a ReloadPolicy or Reload")->required();
  CLI::App* abort = add_verb(app, flags, "abort", "take the running reload back", Verb::kAbort);
  abort->add_option("NAME", flags.options.name, "name of a ReloadPolicy or Reload")->required();
  abort->add_option("--reason", flags.options.reason, "why, for the record");
  CLI::App* rbac =
      add_verb(app, flags, "rbac", "print the Role that a policy's ConfigMaps and Secrets need", Verb::kRbac);
  rbac->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  rbac->add_option("--operator-namespace", flags.options.account.name_space, "where the operator runs")
      ->capture_default_str();
  rbac->add_option("--operator-account", flags.options.account.name, "its ServiceAccount")
      ->capture_default_str();
}

int run(Flags flags) {
  flags.options.as_json = flags.output == "json";
  flags.options.wait = !flags.no_wait;
  const auto access = sidestep::k8s::find_access(flags.access);
  if (!access) {
    std::cerr << "error: " << access.error().detail << "\n";
    return static_cast<int>(exit_of(access.error()));
  }
  if (flags.options.name_space.empty()) flags.options.name_space = access->name_space;
  const auto& clock = sidestep::system_clock();
  const auto transport = sidestep::k8s::make_curl_transport(access->endpoint, clock);
  const sidestep::k8s::Wait wait = [](sidestep::Millis delay) { sidestep::k8s::pause_for(delay, {}); };
  sidestep::k8s::Client client(*transport, clock, wait, {}, "kubectl-sidestep");
  const Surroundings around{[](const std::string& text) { std::cout << text << std::flush; },
                            [](const std::string& line) { std::cerr << line << "\n"; }, wait, clock};
  return static_cast<int>(Commands(client, flags.options, around).run());
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  flags.access.kubeconfig_env = env("KUBECONFIG");
  flags.access.service_host = env("KUBERNETES_SERVICE_HOST");
  flags.access.service_port = env("KUBERNETES_SERVICE_PORT");
  flags.access.home = env("HOME");
  flags.access.allow_exec = true;
  CLI::App app{"Reloads of pods that lose no request: start, watch, promote and abort them.",
               "kubectl sidestep"};
  app.set_version_flag("--version", SIDESTEP_VERSION);
  add_verbs(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(flags);
}
