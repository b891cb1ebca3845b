#include "sidecar/app.h"

#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "lib/base/clock.h"
#include "lib/base/lazy_library.h"
#include "lib/base/log.h"
#include "lib/base/startup_pages.h"
#include "sidecar/app_parts.h"
#include "sidecar/io/confine.h"
#include "sidecar/io/launcher_reports.h"
#include "sidecar/io/plane.h"

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

Kept read_journal(const Options& options, const Journal& journal) {
  std::error_code ignored;  // journal and launcher name the folder that cannot be used
  std::filesystem::create_directories(options.run_dir, ignored);
  std::filesystem::create_directories(options.state_dir, ignored);
  Result<std::optional<std::string>> text = journal.read();
  if (!text) log::warn("the journal is not used", {{"error", text.error().detail}});
  return text && *text ? split(**text) : Kept{};
}

}  // namespace

App::Parts::Parts(Options o, int channel)
    : options(std::move(o)),
      signals(loop, {SIGTERM, SIGINT, SIGHUP}, [this](int) { terminate(); }),
      has_parent(channel >= 0),
      parent(channel < 0 ? UniqueFd() : UniqueFd(channel)),
      journal(options.state_dir),
      claim(loop, options.listen),
      memory(
          loop, [this] { return read_memory_use(options, ""); },
          [this](MemoryPressure pressure) { plane->shed(pressure); }),
      control_end([this] { end_control(); }),
      settled(give_back_startup_pages) {}

// ---- start ----

Status App::Parts::start() {
  if (has_parent) {
    Result<WorkerStart> received = parent.receive_start();
    if (!received) return received.error();
    words = std::move(*received);
    for (auto& [name, fd] : words.kept) left.emplace(name, std::move(fd));
    parent.watch(loop, [this](FdMessage message) { on_parent(std::move(message)); });
  }
  if (!words.nonce.empty()) {
    taker = std::make_unique<HandoverTaker>(
        loop, UniqueFd(ParentLink::kHandoverFd),
        [this](WorkerState state, std::vector<UniqueFd> fds) { take_over(std::move(state), std::move(fds)); },
        [this](const std::string& why) { cannot(why); });
    return {};
  }
  Kept kept = read_journal(options, journal);
  if (words.launcher_is_new) kept = {};  // nothing of what it says runs any more
  record = kept.record;
  make_parts(kept.token);
  if (Status ready = start_tls({}); !ready) return ready;
  if (!options.attach) {
    if (Status started = launcher->start(std::move(left["launch"])); !started) return started.error();
    if (Status written = journal.write(launcher->token() + "\n" + record); !written) return written.error();
  }
  claim.start(left_listeners(),
              [this](Result<std::vector<NamedFd>> listeners) { serve(std::move(listeners)); });
  return {};
}

void App::Parts::make_parts(const std::string& token) {
  PlaneEvents events;
  events.idle = [this](Generation g, std::uint64_t version) {
    retired ? retired->on_idle(g, version) : driver->on_idle(g, version);
  };
  events.suspect = [this](Generation g) { retired ? retired->on_suspect(g) : driver->on_suspect(g); };
  plane = std::make_unique<RelayPlane>(loop, std::move(events),
                                       [this](Generation g) { return launcher->pinned(g); });
  plane->set_own(
      make_plane(options, plane->own_events(), [this](std::function<void()> f) { loop.post(std::move(f)); }));
  LauncherLinkSettings settings;
  settings.run_dir = options.run_dir;
  settings.token = token;
  settings.grace = options.policy.shutdown.grace_period;
  settings.socket_folder = pinned_folder(words.number);
  launcher = make_launcher_link(loop, settings, [this](LauncherEvent e) { on_launcher(std::move(e)); });
  DriverParts parts{loop,
                    system_clock(),
                    options,
                    *launcher,
                    *plane,
                    board,
                    [this](const std::string& text) { write_journal(text); },
                    [this](ExitStatus exit) { quit(exit); },
                    random_id(),
                    "",
                    random_word()};
  if (has_parent) {
    parts.upgrade = [this](std::string arguments, std::function<void(CommandReply)> reply) {
      ask_upgrade(std::move(arguments), std::move(reply));
    };
  }
  driver.emplace(std::move(parts));
  control.emplace(options, options.policy.report_output, board, *driver, system_clock(), words.number);
}

Status App::Parts::start_app_tls() {
  if (!options.app_tls.on) return {};
  if (Status loaded = load_lazy_libraries(); !loaded) return loaded;
  app_tls.emplace(loop, system_clock(), options,
                  [this](const AppTlsTerms& terms, std::vector<CertificateView> certificates) {
                    plane->secure_app(terms.traffic, std::move(certificates));
                    driver->secure_app(terms);
                  });
  return app_tls->start();
}

// Where a listener speaks it, or the app does.
Status App::Parts::start_tls(TicketKeys tickets) {
  if (Status ready = start_app_tls(); !ready) return ready;
  if (options.tls.certificates.empty()) return {};
  if (Status loaded = load_lazy_libraries(); !loaded) return loaded;
  tls.emplace(loop, system_clock(), options.tls,
              std::chrono::duration_cast<Seconds>(options.limits.tls_session_lifetime),
              [this](front::TlsServerPtr terms, std::vector<CertificateView> certificates) {
                plane->secure(std::move(terms), std::move(certificates));
              });
  return tls->start(std::move(tickets));
}

// The plane gets them, the launcher duplicates.
std::vector<int> App::Parts::take_listeners(std::vector<NamedFd> claimed) {
  std::vector<int> fds;
  for (NamedFd& listener : claimed) {
    shared.emplace_back(listener.name, duplicate(listener.fd.get()));
    log::info("listening", {{"address", listener.name}});
    fds.push_back(listener.fd.release());
  }
  return fds;
}

void App::Parts::serve(Result<std::vector<NamedFd>> claimed) {
  if (!claimed) return fail(claimed.error());
  if (const Status listens = control->listen(left_for_control()); !listens) return fail(listens.error());
  left.clear();
  confine_worker();
  std::vector<int> fds = take_listeners(*std::move(claimed));
  keep_all();
  control->run(confinement);
  is_serving = true;
  driver->start(record, std::move(fds));
  memory.start();
  for (LauncherEvent& event : early) on_launcher(std::move(event));
  early.clear();
  parent.ready();
  loop.arm(settled, kSettled);
}

void App::Parts::confine_worker() {
  confinement = confine(options.seccomp);
  log::info("confined", {{"no_new_privileges", confinement.no_new_privileges},
                         {"capabilities_dropped", confinement.capabilities},
                         {"bounding_set_empty", confinement.bounding_set},
                         {"seccomp", confinement.seccomp}});
  for (const std::string& what : confinement.kept) log::info("not given up", {{"what", what}});
}

std::vector<std::pair<std::string, UniqueFd>> App::Parts::left_listeners() const {
  std::vector<std::pair<std::string, UniqueFd>> listeners;
  for (const auto& [name, fd] : left) {
    if (name.starts_with("listen ")) listeners.emplace_back(name, duplicate(fd.get()));
  }
  return listeners;
}

std::map<std::string, UniqueFd> App::Parts::left_for_control() const {
  std::map<std::string, UniqueFd> listeners;
  for (const auto& [name, fd] : left) {
    if (name.starts_with("control ")) listeners.emplace(name, duplicate(fd.get()));
  }
  return listeners;
}

// ---- what happens ----

void App::Parts::on_launcher(LauncherEvent event) {
  auto* up = std::get_if<LauncherUp>(&event);
  if (up != nullptr) claim.offer(up->listeners);
  if (!is_serving) {
    early.push_back(std::move(event));
    return;
  }
  if (up != nullptr) share_listeners();
  driver->on_launcher(std::move(event));
}

void App::Parts::share_listeners() {
  std::vector<std::pair<std::string, int>> named;
  for (const auto& [name, fd] : shared) named.emplace_back(name, fd.get());
  launcher->keep_listeners(named);
}

void App::Parts::write_journal(const std::string& text) {
  if (!writer) writer.emplace(journal);
  writer->write(launcher->token() + "\n" + text);
}

void App::Parts::terminate() {
  if (retired)
    retired->end();
  else if (is_serving)
    driver->on_terminate();
  else
    quit(ExitStatus{});
}

void App::Parts::fail(const Error& error) {
  std::fprintf(stderr, "sidestep: %s\n", error.detail.c_str());
  status = kCannotStart;
  loop.stop();
}

void App::Parts::quit(ExitStatus exit) {
  status = exit.signal != 0 ? 128 + exit.signal : exit.status;
  if (is_serving) plane->stop();
  if (writer) writer->flush();
  loop.stop();
}

App::App(Options options, int channel) : parts_(std::make_unique<Parts>(std::move(options), channel)) {}

App::~App() = default;

int App::run() {
  prctl(PR_SET_NAME, "sidestep-worker");  // started through a descriptor it would be called by its number
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
