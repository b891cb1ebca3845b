// What the units of injection share; private to pod_inject*.cc.
#pragma once

#include <string>
#include <vector>

#include "lib/policy/pod_inject.h"
#include "lib/policy/value_edit.h"

namespace sidestep::policy {

// One template on its way: `made` is changed in place, complaints are collected. Once there is a refusal,
// nothing of `made` is used.
struct InjectRun {
  const InjectSettings& settings;
  Value made;  // the pod template
  Injection result;
  std::size_t app = 0;         // index of the app's container
  std::int64_t port = 0;       // that the sidecar listens on
  std::string port_name = {};  // may be empty
  std::int64_t control_port = 8086;
  bool is_h2c = false;
  Readiness readiness = {};  // from the app's probes
  bool has_readiness = false;

  Value& spec() { return member_of(made, "spec"); }
  Value& container() { return list_in(spec(), "containers")[app]; }
  std::string annotation(std::string_view name) const;
  std::string container_place();  // "spec.containers[shop]"

  void refuse(const Value* where, const std::string& field, std::string value, std::string wrong_and_fix);
  void warn(const Value* where, const std::string& field, std::string value, std::string wrong_and_fix);
  void note(const Value* where, const std::string& field, std::string value, std::string text);
};

// Is this the port of the app, by number or name?
bool is_app_port(const InjectRun& run, const std::string& text);

void choose_app(InjectRun& run);    // pod_inject_app.cc: container, port, protocol
void move_command(InjectRun& run);  // pod_inject_app.cc: launcher in front, fill_port
void fill_port(InjectRun& run);     // pod_inject_words.cc: port numbers in command, args, env → {port}
void move_probes(InjectRun& run);   // pod_inject_probes.cc
void judge_pins(InjectRun& run);    // pod_inject_pins.cc
// Volumes of the copies and the app's mounts of them; the sidecar's go to `mounts`, and what SIDESTEP_SOURCE
// says of them is returned.
std::string add_pins(InjectRun& run, std::vector<Value>& mounts);
void add_sidecar(InjectRun& run);   // pod_inject_sidecar.cc: container, volumes, mounts, annotations

}  // namespace sidestep::policy
