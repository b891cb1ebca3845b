#include "sidecar/app_parent.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "lib/policy/spec.h"
#include "sidecar/config/load.h"
#include "sidecar/local/install.h"
#include "sidecar/local/parent.h"

namespace sidestep::sidecar {

namespace {

// What an upgrade starts: the name by which we were started (a link may lead elsewhere by then), or else the
// file that runs now.
std::string own_program(const char* name) {
  std::error_code error;
  const std::filesystem::path running = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path named = std::filesystem::absolute(name == nullptr ? "" : name, error);
  const bool has_folder = name != nullptr && std::string_view(name).find('/') != std::string_view::npos;
  return has_folder && std::filesystem::equivalent(named, running, error) ? named.string() : running.string();
}

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

Result<int> resume_parent(const std::string& file) {
  int fd = -1;
  const auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), fd);
  if (error != std::errc{} || end != file.data() + file.size() || fd < 3)
    return invalid("parent: an upgrade alone starts it");
  Result<ParentState> state = read_parent_state(fd);
  if (!state) return state.error();
  Parent parent(state->settings);
  return parent.resume(*std::move(state));
}

Result<int> run_parent(Program program, const char* name, const std::vector<std::string>& arguments,
                       const Options& options) {
  using std::filesystem::perms;
  const perms shared = perms::owner_all | perms::group_exec | perms::others_exec;
  if (Status made = make_folder(options.run_dir, shared); !made) return made.error();
  if (Status made = make_folder(options.state_dir, perms::owner_all); !made) return made.error();
  const Result<std::string> policy_path = keep_policy(options);
  if (!policy_path) return policy_path.error();
  ParentSettings settings;
  settings.parent_arguments = {"sidestep", std::string(to_string(program))};
  settings.parent_arguments.insert(settings.parent_arguments.end(), arguments.begin(), arguments.end());
  settings.upgrade_program = options.upgrade_program.empty() ? own_program(name) : options.upgrade_program;
  settings.upgrade_prove = options.upgrade.prove;
  settings.upgrade_drain = options.upgrade.drain;
  settings.upgrade_max_old = options.upgrade.most_old;
  settings.worker_arguments = worker_arguments(program, arguments, *policy_path);
  for (const auto& [key, value] : process_environment()) settings.env.push_back(key + "=" + value);
  if (program == Program::kProxy) {
    if (Status installed = install_launcher(launcher_program(), options.run_dir); !installed)
      return installed.error();
    settings.install_dir = options.run_dir;
  } else if (!options.attach) {
    settings.launcher = launcher_start(options);
  }
  return Parent(std::move(settings)).run();
}

}  // namespace sidestep::sidecar
