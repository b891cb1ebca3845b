#include "sidecar/app_parent.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/policy/spec.h"
#include "sidecar/config/load.h"
#include "sidecar/local/install.h"
#include "sidecar/local/parent.h"

namespace sidestep::sidecar {

namespace {

constexpr int kAbandonAfterSeconds = 300;  // an app whose proxy was killed and never came back

// sidestep-launch beside our own executable.
std::string launcher_program() {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  return (own.parent_path() / "sidestep-launch").string();
}

Status make_folder(const std::string& path, std::filesystem::perms perms) {
  std::error_code error;
  const mode_t before =
      umask(077);  // for the parents too: what we make is ours alone unless `perms` says more
  const bool made = std::filesystem::create_directories(path, error);
  umask(before);
  if (error) return system_error("make folder " + path, error.value());
  if (made) std::filesystem::permissions(path, perms, error);
  return {};
}

// The worker reads this copy instead of whatever --policy or $SIDESTEP_POLICY said.
Result<std::string> keep_policy(const Options& options) {
  const std::string path = options.state_dir + "/policy.json";
  std::ofstream out(path, std::ios::trunc);
  out << policy::policy_to_json(options.policy);
  if (!out.flush()) return system_error("write " + path, errno);
  return path;
}

std::vector<std::string> worker_arguments(Program program, const std::vector<std::string>& arguments,
                                          const std::string& policy_path) {
  std::vector<std::string> words{"sidestep", kWorkerVerb, std::string(to_string(program)), "--policy",
                                 policy_path};
  bool is_command = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    is_command = is_command || arguments[i] == "--";
    if (!is_command && arguments[i] == "--policy")
      ++i;
    else if (is_command || !arguments[i].starts_with("--policy="))
      words.push_back(arguments[i]);
  }
  return words;
}

LauncherStart launcher_start(const Options& options) {
  LauncherStart start;
  start.program = launcher_program();
  start.lock_path = options.state_dir + "/launcher.lock";
  start.arguments = {"sidestep-launch",
                     "--run-dir",
                     options.run_dir,
                     "--config-dir",
                     options.state_dir + "/config",
                     "--grace",
                     std::to_string(options.policy.shutdown.grace_period.count()),
                     "--abandon-after",
                     std::to_string(kAbandonAfterSeconds),
                     "--"};
  start.arguments.insert(start.arguments.end(), options.command.begin(), options.command.end());
  return start;
}

}  // namespace

Result<int> run_parent(Program program, const std::vector<std::string>& arguments, const Options& options) {
  using std::filesystem::perms;
  const perms shared = perms::owner_all | perms::group_exec | perms::others_exec;
  if (Status made = make_folder(options.run_dir, shared); !made) return made.error();
  if (Status made = make_folder(options.state_dir, perms::owner_all); !made) return made.error();
  const Result<std::string> policy_path = keep_policy(options);
  if (!policy_path) return policy_path.error();
  ParentSettings settings;
  settings.worker_arguments = worker_arguments(program, arguments, *policy_path);
  for (const auto& [name, value] : process_environment()) settings.env.push_back(name + "=" + value);
  if (program == Program::kProxy) {
    if (Status installed = install_launcher(launcher_program(), options.run_dir); !installed)
      return installed.error();
  } else if (!options.attach) {
    settings.launcher = launcher_start(options);
  }
  return Parent(std::move(settings)).run();
}

}  // namespace sidestep::sidecar
