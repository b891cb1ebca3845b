// Where the control socket of a `sidestep` lies, so that the command line finds it without being told. Names
// only, but for ensure_private_folder. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sidestep::sidecar {

// Of a `sidestep run`: ${XDG_RUNTIME_DIR:-/tmp}/sidestep-UID. An empty `runtime_dir` means /tmp.
std::string control_folder(std::string_view runtime_dir, unsigned uid);
// FOLDER/PORT.sock
std::string control_socket(std::string_view folder, std::uint16_t port);

// Of a sidecar container: its private state folder, since the container's root may be read-only.
inline constexpr std::string_view kDefaultStateDir = "/var/lib/sidestep";
inline constexpr std::string_view kPodSocketName = "control.sock";

// Makes the folder with mode 0700, or checks that the existing one is a real folder (no symbolic link) of
// `uid` that nobody else may enter: in /tmp anybody could have put one there first.
Status ensure_private_folder(const std::string& path, unsigned uid);

}  // namespace sidestep::sidecar
