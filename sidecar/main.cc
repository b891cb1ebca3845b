// sidestep: flags → options → App → exit status. The client commands are in sidecar/cli.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/log.h"
#include "sidecar/app.h"
#include "sidecar/cli/commands.h"
#include "sidecar/config/load.h"
#include "sidecar/config/option_docs.h"

namespace {

using namespace sidestep::sidecar;

constexpr int kUsage = 2;

int usage(std::FILE* out, int status) {
  std::fprintf(out,
               "usage: sidestep run --listen ADDR:PORT [OPTION]… -- CMD ARG…   proxy and app on one machine\n"
               "       sidestep proxy [OPTION]…                                the sidecar container\n"
               "%s"
               "       sidestep --version\n",
               cli::command_list().c_str());
  return status;
}

int serve(Program program, const std::vector<std::string>& arguments) {
  if (asks_for_help(arguments)) {
    std::fputs(sidestep::sidecar::usage(program).c_str(), stdout);
    return 0;
  }
  auto options = load_options(program, arguments, process_environment(), real_machine());
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().detail.c_str());
    return kUsage;
  }
  App app(std::move(*options));  // blocks the signals that it reads, before there are threads
  const int status = app.run();
  sidestep::log::stop();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  const std::vector<std::string> rest(argv + (argc > 1 ? 2 : argc), argv + argc);
  if (verb == "run") return serve(Program::kRun, rest);
  if (verb == "proxy") return serve(Program::kProxy, rest);
  if (cli::is_client_command(verb)) return cli::run_cli(argc, argv);
  if (verb == "--version") return std::printf("sidestep " SIDESTEP_VERSION "\n"), 0;
  if (verb == "--help" || verb == "help") return usage(stdout, 0);
  if (!verb.empty()) std::fprintf(stderr, "sidestep: there is no command \"%s\"\n", argv[1]);
  return usage(stderr, kUsage);
}
