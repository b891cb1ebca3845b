// The real surroundings of a client command: environment, terminal, control socket.
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "lib/base/lazy_library.h"
#include "sidecar/cli/commands.h"
#include "sidecar/cli/find_socket.h"

namespace sidestep::sidecar::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> find(const std::string& named) {
  return find_socket({named, variable("SIDESTEP_CONTROL"), variable("SIDESTEP_STATE_DIR"),
                      variable("XDG_RUNTIME_DIR"), geteuid()},
                     real_folder());
}

Result<Answer> call(const std::string& socket, std::string_view method, const std::string& target,
                    const std::string& body, Millis patience) {
  const Status loaded = load_lazy_libraries();
  if (!loaded) return loaded.error();
  const Client client(socket);
  return method == "POST" ? client.post(target, body, patience) : client.get(target, patience);
}

}  // namespace

World real_world() {
  World world;
  world.find_socket = find;
  world.call = call;
  world.out = [](std::string_view text) { std::cout << text << std::flush; };
  world.err = [](std::string_view text) { std::cerr << text << std::flush; };
  world.pause = [](Millis wait) { poll(nullptr, 0, static_cast<int>(wait.count())); };
  world.clock = &system_clock();
  world.is_terminal = isatty(STDERR_FILENO) == 1;
  return world;
}

int run_cli(int argc, char** argv) { return run_command({argv + 1, argv + argc}, real_world()); }

}  // namespace sidestep::sidecar::cli
