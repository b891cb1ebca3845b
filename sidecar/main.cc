// sidestep: flags → options → parent and worker → exit status. The client commands are in sidecar/cli.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/lazy_library.h"
#include "lib/base/log.h"
#include "sidecar/app.h"
#include "sidecar/app_parent.h"
#include "sidecar/cli/commands.h"
#include "sidecar/config/lint.h"
#include "sidecar/config/load.h"
#include "sidecar/config/option_docs.h"
#include "sidecar/io/parent_link.h"
#include "sidecar/local/parent_state.h"

namespace {

using namespace sidestep::sidecar;
using Words = std::vector<std::string>;

constexpr int kUsage = 2;

int usage(std::FILE* out, int status) {
  std::fprintf(out,
               "usage: sidestep run --listen ADDR:PORT [OPTION]… -- CMD ARG…   proxy and app on one machine\n"
               "       sidestep proxy [OPTION]…                                the sidecar container\n"
               "       sidestep lint [--policy FILE]… [--manifest FILE]…       what is wrong with them\n"
               "%s"
               "       sidestep --version\n",
               cli::command_list().c_str());
  return status;
}

int report(const sidestep::Result<int>& status) {
  if (!status) return std::fprintf(stderr, "sidestep: %s\n", status.error().detail.c_str()), kUsage;
  return *status;
}

int serve(Program program, const char* name, const Words& arguments, bool is_worker) {
  if (asks_for_help(arguments)) return std::fputs(usage(program).c_str(), stdout), 0;
  auto options = load_options(program, arguments, process_environment(), real_machine());
  if (!options && is_worker)
    ParentLink(sidestep::UniqueFd(ParentLink::kChannelFd)).tell("cannot " + options.error().detail);
  if (!options) return std::fprintf(stderr, "%s\n", options.error().detail.c_str()), kUsage;
  if (is_worker) {
    const int status = App(std::move(*options), ParentLink::kChannelFd).run();
    sidestep::log::stop();
    return status;
  }
  return report(run_parent(program, name, arguments, *options));
}

int lint_files(const Words& words) {
  const LintOutcome outcome = run_lint(words, real_machine());
  std::fputs(outcome.out.c_str(), stderr);
  return outcome.status;
}

// For whoever builds an image: ldd does not show what is loaded at the first call.
int list_libraries() {
  const std::vector<std::string> paths = sidestep::libraries_with_lazy_ones();
  for (const std::string& path : paths) std::printf("%s\n", path.c_str());
  return paths.empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Words words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const bool is_worker = !words.empty() && words[0] == kWorkerVerb;
  if (is_worker) words.erase(words.begin());
  const std::string verb = words.empty() ? "" : words[0];
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (verb == "run") return serve(Program::kRun, argv[0], rest, is_worker);
  if (verb == "proxy") return serve(Program::kProxy, argv[0], rest, is_worker);
  if (verb == "lint") return lint_files(rest);
  if (verb == kParentVerb && !rest.empty()) return report(resume_parent(rest[0]));
  if (cli::is_client_command(verb)) return cli::run_cli(argc, argv);
  if (verb == "--libraries") return list_libraries();
  if (verb == "--version") return std::printf("sidestep " SIDESTEP_VERSION "\n"), 0;
  if (verb == "--help" || verb == "help") return usage(stdout, 0);
  if (!verb.empty()) std::fprintf(stderr, "sidestep: there is no command \"%s\"\n", verb.c_str());
  return usage(stderr, kUsage);
}
