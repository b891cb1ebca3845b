#include "sidecar/app.h"

#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/loop/child.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/signals.h"
#include "lib/loop/socket.h"
#include "sidecar/admin/control.h"
#include "sidecar/config/load.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/driver.h"
#include "sidecar/io/launcher_link.h"
#include "sidecar/io/plane.h"

namespace sidestep::sidecar {

namespace {

std::uint64_t random_word() {
  std::uint64_t word = 0;
  return ::getrandom(&word, sizeof word, 0) == sizeof word ? word : static_cast<std::uint64_t>(::getpid());
}

std::string random_id() {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(random_word()),
                static_cast<unsigned long long>(random_word()));
  return text;
}

// sidestep-launch beside our own executable.
std::string launcher_path() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  std::string own(path, length > 0 ? static_cast<std::size_t>(length) : 0);
  return own.substr(0, own.find_last_of('/') + 1) + "sidestep-launch";
}

}  // namespace

struct App::Parts {
  explicit Parts(Options o)
      : options(std::move(o)),
        signals(loop, {SIGTERM, SIGINT, SIGHUP}, [this](int) { driver->on_terminate(); }) {
    PlaneEvents events;
    events.idle = [this](Generation g, std::uint64_t version) { driver->on_idle(g, version); };
    events.suspect = [this](Generation g) { driver->on_suspect(g); };
    events.starved = [] {};
    plane =
        make_plane(options, std::move(events), [this](std::function<void()> f) { loop.post(std::move(f)); });
    LauncherLinkSettings settings;
    settings.run_dir = options.run_dir;
    settings.grace = options.policy.shutdown.grace_period;
    launcher =
        make_launcher_link(loop, settings, [this](LauncherEvent e) { driver->on_launcher(std::move(e)); });
    driver.emplace(DriverParts{loop, system_clock(), options, *launcher, *plane, board,
                               [](const std::string&) {}, [this](ExitStatus exit) { quit(exit); },
                               random_id(), "", random_word()});
    control.emplace(options, options.policy.report_output, board, *driver, system_clock());
  }

  void quit(ExitStatus exit) {
    status = exit.signal != 0 ? 128 + exit.signal : exit.status;
    plane->stop();
    loop.stop();
  }

  Status start() {
    std::vector<int> listeners;
    for (const ListenAddress& address : options.listen) {
      Result<UniqueFd> fd = listen_tcp(address.host, address.port);
      if (!fd) return fd.error();
      listeners.push_back(fd->release());
    }
    if (Status started = control->start(); !started) return started.error();
    if (!options.attach) {
      std::error_code error;
      std::filesystem::create_directories(options.run_dir, error);
      if (Status started = launcher->start(); !started) return started.error();
      if (Status started = start_launcher(); !started) return started.error();
    }
    driver->start({}, std::move(listeners));
    return {};
  }

  Status start_launcher() {
    ChildSpec spec;
    spec.path = launcher_path();
    spec.argv = {"sidestep-launch", "--"};
    spec.argv.insert(spec.argv.end(), options.command.begin(), options.command.end());
    for (const auto& [name, value] : process_environment()) spec.env.push_back(name + "=" + value);
    spec.env.push_back("SIDESTEP_RUN_DIR=" + options.run_dir);
    spec.new_session = true;
    auto started = Child::start(loop, spec, [](sidestep::ExitStatus) {});
    if (!started) return started.error();
    launcher_process = std::move(*started);
    return {};
  }

  const Options options;
  EventLoop loop;
  SignalSource signals;
  SnapshotBoard board;
  std::unique_ptr<Plane> plane;
  std::unique_ptr<LauncherLink> launcher;
  std::unique_ptr<Child> launcher_process;
  std::optional<Driver> driver;
  std::optional<Control> control;
  int status = 0;
};

App::App(Options options) : parts_(std::make_unique<Parts>(std::move(options))) {}

App::~App() = default;

int App::run() {
  log::start(parts_->options.log_level, parts_->options.log_format);
  if (const Status started = parts_->start(); !started) {
    std::fprintf(stderr, "sidestep: %s\n", started.error().detail.c_str());
    return 2;
  }
  parts_->loop.run();
  parts_->driver->close();
  parts_->control->stop();
  return parts_->status;
}

}  // namespace sidestep::sidecar
