// kubectl-sidestep: flags → options → commands → exit code (0 succeeded, 1 failed and rolled back, 2 wrong
// usage, 3 refused or superseded, 4 unreachable or timed out).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>

#include "lib/base/duration.h"
#include "lib/k8s/curl_transport.h"
#include "lib/k8s/kubeconfig.h"
#include "lib/k8s/pause.h"
#include "lib/policy/manifest_inject.h"
#include "operator/cli/commands.h"
#include "operator/cli/completion.h"
#include "operator/cli/lint.h"

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
  std::vector<std::string> files;                                // of lint and inject
  std::string image = sidestep::policy::InjectSettings().image;  // of inject
  bool inject_all = false;
  std::string shell;     // of completion
  bool check = false;    // of uninstall
  bool prepare = false;  // of uninstall
};

constexpr sidestep::Millis kWatchAtMost = std::chrono::hours(24 * 365);
constexpr std::size_t kMostFileBytes = std::size_t{4} << 20;

void add_common(CLI::App& verb, Flags& flags) {
  verb.add_option("-n,--namespace", flags.options.name_space, "namespace; default: the context's");
  verb.add_option("--context", flags.access.context_flag, "context of the kubeconfig");
  verb.add_option("--kubeconfig", flags.access.kubeconfig_flag, "kubeconfig file");
  verb.add_option("-o,--output", flags.output, "json")->check(CLI::IsMember({"json"}));
}

void add_timeout(CLI::App& verb, Flags& flags, const char* help) {
  verb.add_option_function<std::string>(
          "--timeout",
          [&flags](const std::string& text) {
            flags.options.timeout = sidestep::parse_duration(text).value_or(flags.options.timeout);
          },
          help)
      ->check(CLI::Validator(is_duration, "DURATION"))
      ->default_str("15m");
}

void add_waiting(CLI::App& verb, Flags& flags) {
  add_timeout(verb, flags, "how long to wait for the verdict");
  verb.add_flag("--no-wait", flags.no_wait, "do not wait for the verdict");
}

CLI::App* add_verb(CLI::App& app, Flags& flags, const char* name, const char* help, Verb verb) {
  CLI::App* sub = app.add_subcommand(name, help);
  add_common(*sub, flags);
  sub->callback([&flags, verb] { flags.options.verb = verb; });
  const bool has_verdict =
      verb == Verb::kReload || verb == Verb::kPromote || verb == Verb::kAbort || verb == Verb::kRetry ||
      verb == Verb::kUndo;
  if (has_verdict) add_waiting(*sub, flags);
  return sub;
}

// Commands to the reload that runs, or ran last.
void add_steering(CLI::App& app, Flags& flags) {
  const auto add = [&](const char* name, const char* help, Verb verb) {
    CLI::App* sub = add_verb(app, flags, name, help, verb);
    sub->add_option("NAME", flags.options.name, "name of a ReloadPolicy or Reload")->required();
    return sub;
  };
  CLI::App* promote = add("promote", "skip the remaining steps of the running reload", Verb::kPromote);
  auto* full = promote->add_flag("--full", flags.options.full, "without waiting for traffic or its analysis");
  promote->add_flag("--force", flags.options.force, "every candidate at once, ready or not")->excludes(full);
  CLI::App* abort = add("abort", "take the running reload back", Verb::kAbort);
  abort->add_option("--reason", flags.options.reason, "why, for the record");
  CLI::App* approve =
      add("approve", "approve the reload that waits for it, under your own name", Verb::kApprove);
  approve->add_flag("--withdraw", flags.options.withdraw, "take your approval back, before it starts");
  add("pause", "let the running reload stand still", Verb::kPause);
  add("resume", "let a paused reload go on", Verb::kResume);
  add("skip-step", "end the current step's pause", Verb::kSkipStep);
  CLI::App* retry = add_verb(app, flags, "retry", "start the last reload again, which failed", Verb::kRetry);
  retry->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  CLI::App* undo =
      add_verb(app, flags, "undo", "reload back to the pinned content before the present one", Verb::kUndo);
  undo->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  undo->add_option("--reason", flags.options.reason, "why, for the record");
}

void add_verbs(CLI::App& app, Flags& flags) {
  app.require_subcommand(1);
  CLI::App* status =
      add_verb(app, flags, "status", "policies, or one with its conditions and reloads", Verb::kStatus);
  status->add_option("POLICY", flags.options.name, "name of a ReloadPolicy");
  status->add_flag("-A,--all-namespaces", flags.options.all_namespaces, "all namespaces");
  status->add_flag("-w,--watch", flags.options.watch, "again whenever something changed, until interrupted");
  CLI::App* reload = add_verb(app, flags, "reload", "start a reload and wait for its verdict", Verb::kReload);
  reload->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  reload->add_option("--reason", flags.options.reason, "why, for the record");
  reload->add_option("--pod", flags.options.pod, "of this pod alone");
  reload->add_option("--token", flags.options.token, "the same token again is the same reload");
  add_steering(app, flags);
  CLI::App* rbac =
      add_verb(app, flags, "rbac", "print the Role that a policy's ConfigMaps and Secrets need", Verb::kRbac);
  rbac->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  rbac->add_option("--operator-namespace", flags.options.account.name_space, "where the operator runs")
      ->capture_default_str();
  rbac->add_option("--operator-account", flags.options.account.name, "its ServiceAccount")
      ->capture_default_str();
  CLI::App* history =
      add_verb(app, flags, "history", "the runs of a policy and how they ended", Verb::kHistory);
  history->add_option("POLICY", flags.options.name, "name of a ReloadPolicy")->required();
  CLI::App* why =
      add_verb(app, flags, "why", "why something is not being reloaded, or what it waits for", Verb::kWhy);
  why->add_option("NAME", flags.options.name, "name of a ReloadPolicy or Reload, or pod/NAME")->required();
  CLI::App* bundle =
      add_verb(app, flags, "support-bundle", "print what is known of a namespace as JSON, secrets removed",
               Verb::kSupportBundle);
  bundle->add_option("--operator-namespace", flags.options.account.name_space, "where the operator runs")
      ->capture_default_str();
}

void add_uninstall(CLI::App& app, Flags& flags) {
  CLI::App* uninstall = add_verb(app, flags, "uninstall", "leave nothing behind that waits for an operator",
                                 Verb::kUninstallCheck);
  CLI::Option* check =
      uninstall->add_flag("--check", flags.check, "list what is left in the cluster; change nothing");
  CLI::Option* prepare =
      uninstall->add_flag("--prepare", flags.prepare,
                          "end all reloads, remove the webhook and finalizers; the operator comes next");
  check->excludes(prepare);
  add_timeout(*uninstall, flags, "of --prepare: how long candidates may take to be taken back");
  uninstall->callback([&flags] {
    if (!flags.check && !flags.prepare) throw CLI::RequiredError("--check or --prepare");
    flags.options.verb = flags.prepare ? Verb::kUninstallPrepare : Verb::kUninstallCheck;
    flags.options.all_namespaces = flags.options.name_space.empty();
  });
}

void add_local_verbs(CLI::App& app, Flags& flags) {
  CLI::App* lint = app.add_subcommand("lint", "check policies and pod templates before they reach a cluster");
  lint->add_option("FILE", flags.files, "YAML files, or - for the standard input")->required();
  CLI::App* inject = app.add_subcommand(
      "inject", "print manifests with the sidecar in pod templates labelled sidestep.dev/inject: \"true\"");
  inject->add_option("-f,--filename", flags.files, "YAML files, or - for the standard input")->required();
  inject->add_option("--image", flags.image, "of the sidecar")->capture_default_str();
  inject->add_flag("--all", flags.inject_all, "also templates without the label");
  CLI::App* completion = app.add_subcommand("completion", "print a script that completes this command");
  completion->add_option("SHELL", flags.shell, "bash, zsh, fish, or kubectl for kubectl_complete-sidestep")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "kubectl"}));
}

std::optional<std::string> read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::istream& in = name == "-" ? std::cin : file;
  std::string text(kMostFileBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (name != "-" && !file.is_open()) return std::nullopt;
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::optional<std::vector<sidestep::policy::LintFile>> read_files(const std::vector<std::string>& names) {
  std::vector<sidestep::policy::LintFile> files;
  for (const std::string& name : names) {
    auto text = read_file(name);
    if (!text) {
      std::cerr << "error: " << name << ": cannot be read; name a file, or - for the standard input\n";
      return std::nullopt;
    }
    files.push_back({name == "-" ? "stdin" : name, *std::move(text)});
  }
  return files;
}

// Nothing is printed but the whole result: a pipe into kubectl apply never gets a part.
int run_inject(const Flags& flags) {
  const auto files = read_files(flags.files);
  if (!files) return static_cast<int>(Exit::kUsage);
  const auto made = sidestep::policy::inject_manifests(*files, flags.image, flags.inject_all);
  for (const std::string& line : made.mistakes) std::cerr << "error: " << line << "\n";
  if (!made.mistakes.empty()) return static_cast<int>(Exit::kUsage);
  for (const std::string& line : made.notes) std::cerr << "note: " << line << "\n";
  std::cout << made.text << std::flush;
  return static_cast<int>(Exit::kSucceeded);
}

// All files are one text to the checks: a policy in one and its workload in another belong together.
int run_lint(const Flags& flags) {
  const auto files = read_files(flags.files);
  if (!files) return static_cast<int>(Exit::kUsage);
  const sidestep::policy::LintLines lines = lint(*files);
  for (const std::string& line : lines.mistakes) std::cout << line << "\n";
  for (const std::string& line : lines.warnings) std::cout << "warning: " << line << "\n";
  return static_cast<int>(lines.mistakes.empty() ? Exit::kSucceeded : Exit::kFailed);
}

std::vector<VerbHelp> verbs_of(const CLI::App& app) {
  std::vector<VerbHelp> verbs;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    VerbHelp& verb = verbs.emplace_back();
    verb.name = sub->get_name();
    verb.help = sub->get_description();
    for (const CLI::Option* option : sub->get_options()) {
      for (const std::string& name : option->get_lnames()) verb.flags.push_back("--" + name);
      verb.takes_policy = verb.takes_policy || option->get_name() == "POLICY" || option->get_name() == "NAME";
    }
  }
  return verbs;
}

int run(Flags flags) {
  flags.options.as_json = flags.output == "json";
  flags.options.is_terminal = isatty(STDOUT_FILENO) == 1;
  if (flags.options.watch) flags.options.timeout = kWatchAtMost;
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
  add_uninstall(app, flags);
  add_local_verbs(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (app.got_subcommand("lint")) return run_lint(flags);
  if (app.got_subcommand("inject")) return run_inject(flags);
  if (app.got_subcommand("completion")) {
    std::cout << completion_script(flags.shell, verbs_of(app));
    return 0;
  }
  return run(flags);
}
