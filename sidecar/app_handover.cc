// One worker takes the place of another: what each of the two does when the parent says so (core/handover.h).
#include <sys/prctl.h>

#include <algorithm>
#include <charconv>

#include "lib/base/log.h"
#include "sidecar/app_parts.h"
#include "sidecar/io/launcher_reports.h"
#include "sidecar/local/parent_state.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kControlEnd{5'000};  // for calls that run at the exchange to get their answers
constexpr Millis kControlLook{50};

std::uint64_t number_in(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(" " + key + "=");
  std::uint64_t value = 0;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + key.size() + 2, text.data() + text.size(), value);
  return value;
}

}  // namespace

void App::Parts::on_parent(FdMessage message) {
  const std::string& text = message.text;
  const auto rest = [&](std::size_t prefix) { return text.substr(prefix); };
  const auto worker = [&](std::size_t prefix) {
    int number = 0;
    std::from_chars(text.data() + prefix, text.data() + text.size(), number);
    return number;
  };
  if (text.starts_with("handover ")) return hand_over(std::move(message.fd));
  if (text == "resume") return go_on();
  if (text == "yield") return yield(std::move(message.fd));
  if (text == "take") return take();
  if (text == "end" && retired) return retired->end();
  if (text.starts_with("upgrade-report")) return show_report(text);
  if (text.starts_with("upgrade-refused ") && upgrade_reply) {
    const Error error{ErrorKind::kConflict, Fault::kClient, Retry::kLater, rest(16)};
    return std::exchange(upgrade_reply, nullptr)({error, {}});
  }
  if (!plane || retired) return;
  if (text.starts_with("older ") && message.fd) plane->link(worker(6), std::move(message.fd));
  if (text.starts_with("gone ")) plane->gone(worker(5));
}

void App::Parts::keep_all() {
  for (const auto& [name, fd] : shared) parent.keep(name, fd.get());
  for (const auto& [name, fd] : control->listeners()) parent.keep(name, fd);
  if (launcher->listener() >= 0) parent.keep("launch", launcher->listener());
}

// ---- the worker that is replaced ----

void App::Parts::hand_over(UniqueFd socket) {
  if (!is_serving || retired || driver->is_stopping())
    return cannot("the present worker does not serve, or ends");
  if (!socket)
    return cannot(
        "the socket to the new worker did not come: is the limit of open files (ulimit -n) reached?");
  giver = std::make_unique<HandoverGiver>(
      loop, std::move(socket), [this] { return gift(); }, [this](const std::string& why) { cannot(why); });
}

// From here on nothing is decided in this worker, unless go_on() says so.
Result<HandoverGiver::Gift> App::Parts::gift() {
  if (driver->is_stopping()) return unavailable("the proxy ends");
  driver->freeze();
  launcher->pause();
  if (writer) writer->flush();
  HandoverGiver::Gift gift;
  gift.state.driver = driver->state();
  gift.state.gone = plane->gone_counters();
  gift.state.older = plane->old_counters();
  gift.state.older[words.number] = plane->own().counters();
  gift.state.control = control->state();
  if (tls) gift.state.tickets = tls->tickets();
  Result<std::vector<UniqueFd>> descriptors = launcher->hand_over(gift.state.launcher);
  if (!descriptors) return descriptors.error();
  gift.descriptors = *std::move(descriptors);
  return gift;
}

void App::Parts::go_on() {
  if (retired || !giver) return;
  giver.reset();
  launcher->resume();
  driver->thaw();
}

void App::Parts::yield(UniqueFd link) {
  if (!retired) {
    log::info("replaced: what is open here is finished", {{"worker", words.number}});
    prctl(PR_SET_NAME, "sidestep-old");
    giver.reset();
    const RouteTable routes = driver->routes();
    driver->retire();
    launcher->release();
    control->retire();
    control_end_by = loop.now() + kControlEnd;
    loop.arm(control_end, kControlLook);
    plane->leave_alone();
    shared.clear();
    writer.reset();
    retired = std::make_unique<RetiredWorker>(
        RetiredWorker::Parts{loop,
                             plane->own(),
                             {options.upgrade.idle, options.upgrade.drain},
                             [this](Generation g, UniqueFd socket) { launcher->pin(g, std::move(socket)); },
                             [this](RouteTable& table) {
                               for (auto* entry : {&table.active, &table.candidate}) {
                                 if (*entry) rebase((*entry)->address, options.run_dir, words.number);
                               }
                             },
                             [this] {
                               has_finished = true;
                               if (!control_end_by) loop.stop();
                             }},
        routes);
  }
  if (link) retired->link(std::move(link));
}

// Callers that are still here have been answered, or had time enough; the last one to go ends the worker.
void App::Parts::end_control() {
  if (!control->is_quiet() && loop.now() < *control_end_by) return loop.arm(control_end, kControlLook);
  control->stop();
  control_end_by.reset();
  if (has_finished) loop.stop();
}

// ---- the worker that replaces it ----

void App::Parts::cannot(const std::string& why) {
  log::error("the upgrade cannot go on", {{"error", why}});
  parent.tell("cannot " + why);
  if (!words.nonce.empty() && !is_serving) loop.stop();
}

void App::Parts::take_over(WorkerState state, std::vector<UniqueFd> descriptors) {
  make_parts(state.launcher.token);
  if (const Status good = start_tls(std::move(state.tickets)); !good) return cannot(good.error().detail);
  if (!options.attach) {
    if (const Status good =
            launcher->go_on(state.launcher, std::move(left["launch"]), std::move(descriptors));
        !good)
      return cannot(good.error().detail);
  }
  if (const Status good = control->go_on(state.control); !good) return cannot(good.error().detail);
  plane->add_gone(state.gone);
  for (auto& [worker, counters] : state.older) plane->add_old(worker, std::move(counters));
  for (auto& [generation, facts] : state.driver.fleet) rebase(facts.address, options.run_dir, words.number);
  taken = std::move(state.driver);
  claim.start(left_listeners(),
              [this](Result<std::vector<NamedFd>> listeners) { prove(std::move(listeners)); });
}

// Everything that could fail has been done when this says so; what is left is to begin.
void App::Parts::prove(Result<std::vector<NamedFd>> claimed) {
  if (!claimed) return cannot(claimed.error().detail);
  if (const Status listens = control->listen(left_for_control()); !listens)
    return cannot(listens.error().detail);
  confine_worker();
  driver->resume(*std::exchange(taken, std::nullopt), take_listeners(*std::move(claimed)));
  parent.tell("proved " + words.nonce + " parent=" + std::to_string(kParentStateVersion));
}

void App::Parts::take() {
  taker.reset();
  is_serving = true;
  keep_all();
  for (const auto& [name, fd] : left) {
    const auto same = [&](const auto& entry) { return entry.first == name; };
    const bool used = name == "launch" || control->listeners().contains(name) ||
                      std::any_of(shared.begin(), shared.end(), same);
    if (!used) parent.drop(name);
  }
  left.clear();
  control->run(confinement);
  launcher->resume();
  share_listeners();
  driver->thaw();
  memory.start();
  parent.ready();
  loop.arm(settled, kSettled);
}

// ---- sidestep upgrade ----

void App::Parts::ask_upgrade(std::string arguments, std::function<void(CommandReply)> reply) {
  if (upgrade_reply)
    return reply({Error{ErrorKind::kConflict, Fault::kClient, Retry::kLater,
                        "another call asks for an upgrade at this moment"},
                  {}});
  upgrade_reply = std::move(reply);
  if (parent.tell("upgrade " + arguments)) return;
  std::exchange(upgrade_reply, nullptr)({unavailable("the parent process takes no messages"), {}});
}

void App::Parts::show_report(const std::string& text) {
  UpgradeView view;
  view.id = number_in(text, "id");
  view.has_ended = number_in(text, "ended") != 0;
  view.succeeded = number_in(text, "succeeded") != 0;
  view.good = number_in(text, "good");
  view.bad = number_in(text, "bad");
  const std::size_t bad = text.find(" bad=");
  const std::size_t message = bad == std::string::npos ? bad : text.find(' ', bad + 1);
  if (message != std::string::npos) view.message = text.substr(message + 1);
  if (driver && !retired) driver->show_upgrade(view);
  if (upgrade_reply && !view.has_ended)
    std::exchange(upgrade_reply, nullptr)({std::nullopt, std::to_string(view.id)});
}

}  // namespace sidestep::sidecar
