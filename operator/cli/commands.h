// What kubectl-sidestep does: reads and writes objects of the API, waits for the verdict, and says it by text
// and exit code. Only the API server is asked; what pods say of themselves comes through it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "lib/k8s/client.h"
#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"
#include "operator/cli/options.h"
#include "operator/cli/pods_view.h"

namespace sidestep::op::cli {

inline constexpr Millis kApiPatience{30'000};  // how long the API may be away while waiting

// Where text goes and how time passes; main gives the real ones.
struct Surroundings {
  std::function<void(const std::string&)> out;    // what was asked for
  std::function<void(const std::string&)> notes;  // progress and errors
  k8s::Wait wait;
  const Clock& clock;
};

class Commands {
 public:
  Commands(k8s::Client& client, Options options, Surroundings surroundings);

  Exit run();

 private:
  // commands_status.cc; `shown` is what was printed last.
  Exit status(std::string& shown);
  Exit status_of_all(std::string& shown);
  Exit watch_status();
  void show(std::string text, std::string& shown);
  std::string pods_text(const api::ReloadPolicy& policy);
  std::optional<std::string> pod_labels(const api::ReloadPolicy& policy);
  PodView ask_pod(const k8s::Json& pod);
  Exit reload();
  Exit rbac();
  Exit history();         // commands_records.cc
  Exit support_bundle();  // commands_records.cc
  // commands_uninstall.cc
  Exit uninstall_check();
  Exit uninstall_prepare();
  std::string uninstalled_namespace() const;  // "": all
  Result<std::size_t> end_reloads();
  Status release(const k8s::ObjectRef& ref);
  Result<std::size_t> release_all(const char* plural);

  Exit why();  // commands_why.cc
  Exit why_pod(const std::string& name);
  Exit promote();
  Exit skip_step();
  Exit retry();
  Exit approve();                       // commands_approve.cc
  Result<std::string> own_user_name();  // commands_approve.cc
  Result<api::Reload> find_waiting();   // commands_approve.cc
  Exit undo();
  // Creates the Reload, and waits for its verdict if that is wanted.
  Exit create_reload(api::ReloadSpec spec);
  // Sets the annotation on the Reload, or removes it (null), and waits for the verdict where `to_the_end`.
  Exit annotate(const api::Reload& reload, const char* annotation, const k8s::Json& value, bool to_the_end);
  Exit steer(const char* annotation, const k8s::Json& value, bool to_the_end);
  Exit await(const std::string& reload_name);
  Exit fail(const Error& error);

  // The Reload of that name, or the one that runs for the policy of that name.
  Result<api::Reload> find_running();
  Result<api::ReloadPolicy> get_policy(const std::string& name);
  Result<api::Reload> get_reload(const std::string& name);
  Result<k8s::Json> get_workload(const policy::TargetRef& target);
  Result<std::vector<api::Reload>> reloads_of(const std::string& policy);
  k8s::ObjectRef policy_ref(const std::string& name) const;
  k8s::ObjectRef reload_ref(const std::string& name) const;

  k8s::Client& client_;
  const Options options_;
  Surroundings around_;  // constant after construction
};

// The exit code that the end of a run stands for. `aborting`: the user asked for the abort.
Exit exit_of(const api::ReloadStatus& status, bool aborting);
// The exit code that an error of the API stands for.
Exit exit_of(const Error& error);

}  // namespace sidestep::op::cli
