// What the launcher's frames mean for the driver. Pure; believes no path that the launcher names, since the
// app could have taken its place: a generation's socket is where it must be, or nowhere.
#pragma once

#include <optional>
#include <string>

#include "sidecar/io/launcher_link.h"
#include "sidecar/launch/protocol.h"

namespace sidestep::sidecar {

// Below the run folder: where the generation binds, and where this process connects (`folder` is its own).
std::string bound_socket(std::uint64_t generation);
std::string pinned_socket(const std::string& folder, std::uint64_t generation);
// The folder of a worker, by its number: workers that live at the same time have different ones.
std::string pinned_folder(int worker);
// A way of another worker's becomes the one of `worker`; any other address stays.
void rebase(AppAddress& address, const std::string& run_dir, int worker);

// All of LauncherUp but what comes with the hello and the descriptors.
// `sockets` is the folder of pinned_socket(), with the run folder.
LauncherUp read_state(const launch::State& state, const std::string& sockets);

struct ReadReport {
  std::optional<LauncherEvent> event;  // nothing for a refusal (logged) and for reports of newer launchers
  bool is_broken = false;              // the fields do not add up
};
// For every report but State and SocketReady.
ReadReport read_report(const launch::Frame& frame, const std::string& sockets);

}  // namespace sidestep::sidecar
