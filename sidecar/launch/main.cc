// sidestep-launch: PID 1 of the app's container. Options, signals, hardening, and off.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "sidecar/launch/launcher.h"

namespace {

namespace launch = sidestep::launch;
using launch::ParsedOptions;
using launch::UniqueFd;

constexpr int kWrongUsage = 2;

int print(int fd, const std::string& text, int status) {
  [[maybe_unused]] const auto written = write(fd, text.data(), text.size());
  return status;
}

// So that no descriptor of ours ever gets a standard number.
void occupy_standard_numbers() {
  int ends[2];
  while (fcntl(2, F_GETFD) < 0 && pipe(ends) == 0 && ends[1] <= 2) {
  }
}

UniqueFd watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  sigdelset(&set, SIGHUP);  // of a terminal that went away; not an end
  signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

const char* environment(const char* name) { return getenv(name); }

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_numbers();
  auto parsed = launch::parse_options({argv + 1, argv + argc}, environment);
  if (parsed.outcome == ParsedOptions::kPrint) return print(1, parsed.text, 0);
  if (parsed.outcome == ParsedOptions::kWrong)
    return print(2, "sidestep-launch: " + parsed.text, kWrongUsage);

  if (parsed.options.lock_fd >= 0 && fcntl(parsed.options.lock_fd, F_SETFD, FD_CLOEXEC) != 0) {
    return print(2, "sidestep-launch: --lock-fd " + launch::failure("is not open", errno) + "\n",
                 kWrongUsage);
  }
  prctl(PR_SET_DUMPABLE, 0);  // the token in our memory is not for the app
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  UniqueFd signals = watch_signals();
  if (!signals) return print(2, "sidestep-launch: " + launch::failure("signalfd", errno) + "\n", 1);
  return launch::Launcher(std::move(parsed.options), std::move(signals)).run();
}
