// The client commands: reload status promote abort pause resume wait why pod-ending. Each builds a request,
// prints the answer, and says how it went by its exit code.
//
//   0 succeeded   1 failed and rolled back   2 wrong usage   3 refused or superseded   4 unreachable or timed
//   out
//
// Waits in the calling thread; meant to be the whole of main().
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "sidecar/cli/client.h"

namespace sidestep::sidecar::cli {

enum ExitCode : int { kSucceeded = 0, kFailed = 1, kUsage = 2, kNotAllowed = 3, kUnreachable = 4 };

// What a command may see and do beside the control API; tests make one up.
struct World {
  std::function<Result<std::string>(const std::string& named)> find_socket;
  // method, target, body, patience
  std::function<Result<Answer>(const std::string& socket, std::string_view method, const std::string& target,
                               const std::string& body, Millis patience)>
      call;
  std::function<void(std::string_view)> out;  // standard output
  std::function<void(std::string_view)> err;  // standard error: progress and mistakes
  std::function<void(Millis)> pause;          // before an unreachable socket is tried again
  const Clock* clock = nullptr;
  bool is_terminal = false;  // of standard error
};
World real_world();

// Whether `sidestep NAME` is one of the client commands.
bool is_client_command(std::string_view name);

// `words` begin with the command's name. Returns an ExitCode.
int run_command(const std::vector<std::string>& words, const World& world);

// As main() calls it: argv[1] is the command's name.
int run_cli(int argc, char** argv);

// One line per command, for `sidestep --help`.
std::string command_list();

}  // namespace sidestep::sidecar::cli
