// Who listens on a TCP port, for the error that says that it is taken. Reads /proc; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace sidestep::sidecar {

// "process 4711 (nginx)", "a process of another user or container", or "" when nobody listens there (any
// more).
std::string port_owner(std::uint16_t port);

}  // namespace sidestep::sidecar
