#include "sidecar/app.h"

#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "lib/base/clock.h"
#include "lib/base/lazy_library.h"
#include "lib/base/log.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/signals.h"
#include "lib/loop/socket.h"
#include "sidecar/admin/control.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/confine.h"
#include "sidecar/io/driver.h"
#include "sidecar/io/journal.h"
#include "sidecar/io/journal_writer.h"
#include "sidecar/io/launcher_link.h"
#include "sidecar/io/listeners.h"
#include "sidecar/io/parent_link.h"
#include "sidecar/io/plane.h"
#include "sidecar/io/tls_keeper.h"

namespace sidestep::sidecar {

namespace {

constexpr int kCannotStart = 2;  // like wrong usage: nothing was begun

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

// The journal's text: the launcher's token on the first line, the driver's record behind it.
struct Kept {
  std::string token;
  std::string record;
};

Kept split(const std::string& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return {};
  return {text.substr(0, end), text.substr(end + 1)};
}

}  // namespace

struct App::Parts {
  Parts(Options o, int channel)
      : options(std::move(o)),
        signals(loop, {SIGTERM, SIGINT, SIGHUP}, [this](int) { terminate(); }),
        parent(channel < 0 ? ParentLink() : ParentLink(UniqueFd(channel))),
        journal(options.state_dir),
        claim(loop, options.listen) {}

  // ---- start ----

  Status start() {
    WorkerStart words;
    if (has_parent) {
      Result<WorkerStart> received = parent.receive_start();
      if (!received) return received.error();
      words = std::move(*received);
    }
    Kept kept = read_journal();
    if (words.launcher_is_new) kept = {};  // nothing of what it says runs any more
    record = kept.record;
    make_parts(kept.token);
    if (tls) {
      if (Status loaded = load_lazy_libraries(); !loaded) return loaded.error();
      if (Status ready = tls->start(); !ready) return ready.error();
    }
    if (!options.attach) {
      if (Status started = launcher->start(); !started) return started.error();
      if (Status written = journal.write(launcher->token() + "\n" + record); !written) return written.error();
    }
    claim.start(std::move(words.kept),
                [this](Result<std::vector<NamedFd>> listeners) { serve(std::move(listeners)); });
    return {};
  }

  Kept read_journal() {
    std::error_code ignored;  // journal and launcher name the folder that cannot be used
    std::filesystem::create_directories(options.run_dir, ignored);
    std::filesystem::create_directories(options.state_dir, ignored);
    Result<std::optional<std::string>> text = journal.read();
    if (!text) log::warn("the journal is not used", {{"error", text.error().detail}});
    return text && *text ? split(**text) : Kept{};
  }

  void make_parts(const std::string& token) {
    PlaneEvents events;
    events.idle = [this](Generation g, std::uint64_t version) { driver->on_idle(g, version); };
    events.suspect = [this](Generation g) { driver->on_suspect(g); };
    plane =
        make_plane(options, std::move(events), [this](std::function<void()> f) { loop.post(std::move(f)); });
    LauncherLinkSettings settings;
    settings.run_dir = options.run_dir;
    settings.token = token;
    settings.grace = options.policy.shutdown.grace_period;
    launcher = make_launcher_link(loop, settings, [this](LauncherEvent e) { on_launcher(std::move(e)); });
    if (!options.tls.certificates.empty()) {
      tls.emplace(loop, system_clock(), options.tls,
                  std::chrono::duration_cast<Seconds>(options.limits.tls_session_lifetime),
                  [this](front::TlsServerPtr terms, std::vector<CertificateView> certificates) {
                    plane->secure(std::move(terms), std::move(certificates));
                  });
    }
    driver.emplace(DriverParts{loop, system_clock(), options, *launcher, *plane, board,
                               [this](const std::string& text) { write_journal(text); },
                               [this](ExitStatus exit) { quit(exit); }, random_id(), "", random_word()});
    control.emplace(options, options.policy.report_output, board, *driver, system_clock());
  }

  void serve(Result<std::vector<NamedFd>> claimed) {
    if (!claimed) return fail(claimed.error());
    if (const Status listens = control->listen(); !listens) return fail(listens.error());
    control->run(confine_worker());  // every socket is bound, and no thread but the logger's is there
    std::vector<int> fds;
    for (NamedFd& listener : *claimed) {
      parent.keep(listener.name, listener.fd.get());
      shared.emplace_back(listener.name, duplicate(listener.fd.get()));
      log::info("listening", {{"address", listener.name}});
      fds.push_back(listener.fd.release());
    }
    is_serving = true;
    driver->start(record, std::move(fds));
    for (LauncherEvent& event : early) on_launcher(std::move(event));
    early.clear();
    parent.ready();
  }

  Confinement confine_worker() {
    Confinement given_up = confine(options.seccomp);
    log::info("confined", {{"no_new_privileges", given_up.no_new_privileges},
                           {"capabilities_dropped", given_up.capabilities},
                           {"bounding_set_empty", given_up.bounding_set},
                           {"seccomp", given_up.seccomp}});
    for (const std::string& what : given_up.kept) log::info("not given up", {{"what", what}});
    return given_up;
  }

  // ---- what happens ----

  void on_launcher(LauncherEvent event) {
    auto* up = std::get_if<LauncherUp>(&event);
    if (up != nullptr) claim.offer(up->listeners);
    if (!is_serving) {
      early.push_back(std::move(event));
      return;
    }
    if (up != nullptr) share_listeners();
    driver->on_launcher(std::move(event));
  }

  void share_listeners() {
    std::vector<std::pair<std::string, int>> named;
    for (const auto& [name, fd] : shared) named.emplace_back(name, fd.get());
    launcher->keep_listeners(named);
  }

  void write_journal(const std::string& text) {
    if (!writer) writer.emplace(journal);
    writer->write(launcher->token() + "\n" + text);
  }

  void terminate() {
    if (is_serving)
      driver->on_terminate();
    else
      quit(ExitStatus{});
  }

  void fail(const Error& error) {
    std::fprintf(stderr, "sidestep: %s\n", error.detail.c_str());
    status = kCannotStart;
    loop.stop();
  }

  void quit(ExitStatus exit) {
    status = exit.signal != 0 ? 128 + exit.signal : exit.status;
    if (is_serving) plane->stop();
    if (writer) writer->flush();
    loop.stop();
  }

  const Options options;
  EventLoop loop;
  SignalSource signals;
  bool has_parent = false;
  ParentLink parent;
  const Journal journal;
  std::optional<JournalWriter> writer;
  ListenerClaim claim;
  SnapshotBoard board;
  std::unique_ptr<Plane> plane;
  std::optional<TlsKeeper> tls;  // where a listener speaks it
  std::unique_ptr<LauncherLink> launcher;
  std::optional<Driver> driver;
  std::optional<Control> control;
  std::vector<std::pair<std::string, UniqueFd>> shared;  // duplicates for the launcher
  std::vector<LauncherEvent> early;                      // before the driver was started
  std::string record;
  bool is_serving = false;
  int status = 0;
};

App::App(Options options, int channel) : parts_(std::make_unique<Parts>(std::move(options), channel)) {
  parts_->has_parent = channel >= 0;
}

App::~App() = default;

int App::run() {
  log::start(parts_->options.log_level, parts_->options.log_format);
  // The worker's own: the app is started by others and keeps what it is given.
  const std::size_t descriptors = raise_descriptor_limit();
  if (descriptors < parts_->options.limits.max_clients)
    log::info("fewer descriptors than --max-clients; clients that are idle for longest make room",
              {{"descriptors", descriptors}, {"max_clients", parts_->options.limits.max_clients}});
  if (const Status started = parts_->start(); !started) {
    parts_->fail(started.error());
    return parts_->status;
  }
  parts_->loop.run();
  if (parts_->driver) parts_->driver->close();
  if (parts_->control) parts_->control->stop();
  return parts_->status;
}

}  // namespace sidestep::sidecar
