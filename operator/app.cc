#include "operator/app.h"

#include <malloc.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/startup_pages.h"
#include "lib/k8s/curl_exchanges.h"
#include "lib/k8s/pause.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/signals.h"
#include "operator/app_pages.h"
#include "operator/io/analysis_desk.h"
#include "operator/io/controller.h"
#include "operator/io/rights.h"
#include "operator/io/slots.h"

namespace sidestep::op {
namespace {

constexpr Millis kKeyCheck{60'000};
constexpr Millis kSyncCheck{20};
constexpr Millis kPodsCheck{30'000};
constexpr Millis kLeave{3'000};  // until API servers call this replica's webhook no more

k8s::Wait waiter() {
  return [](Millis delay) { k8s::pause_for(delay, {}); };
}

k8s::ClientLimits api_limits(const OperatorOptions& o) {
  return {.requests_per_second = static_cast<double>(o.api_requests), .burst = 2.0 * o.api_requests};
}

OwnNames own_names(const OperatorOptions& o) {
  OwnNames own{o.name_space, o.lease, o.secret, o.watch_namespace};
  if (o.webhook.listen.empty()) return own;
  own.webhook_secret = o.webhook.secret;
  own.webhook_configuration = o.webhook.configuration;
  return own;
}

// All long-lived objects, in the order in which they depend on one another.
struct Operator {
  Operator(const OperatorOptions& o, const k8s::Access& access)
      : options(o),
        api(k8s::make_curl_transport(access.endpoint, clock)),
        pods(k8s::make_curl_transport({}, clock)),
        client(*api, clock, waiter(), api_limits(o), "sidestep-operator"),
        lease_client(*api, clock, waiter(),
                     {.retries_after = 0, .timeout = o.lease_limits.renew_deadline * 2 / 5},
                     "sidestep-operator"),
        queue(clock),
        world(client, clock, o.watch_namespace, [this](const std::string& key) { queue.add(key); }),
        lease(lease_client, clock, o.name_space, o.lease, o.identity, o.lease_limits),
        keys(client, o.name_space, o.secret),
        trust(client, keys),
        rights(client, own_names(o)),
        events(client, clock, "sidestep.dev/operator", o.identity),
        sidecars(*pods, clock, [this] { return authority(); }),
        book(sidecars, clock),
        named_objects(k8s::make_curl_exchanges(access.endpoint, clock), client, clock),
        sources(named_objects, [this](const std::string& key) { queue.add(key); }),
        pins(client, clock, [this] { return keys.keys().hash; }),
        left(client, clock),
        slots({o.max_reloads, o.max_reloads_per_namespace}, [this] { return world.started_reloads(); }),
        desk(
            k8s::make_curl_exchanges({.extra_ca_file = o.analysis_ca_file}, clock), clock,
            [this](const std::string& key) { queue.add(key); }, AnalysisTokens(o.analysis_tokens)),
        gatherer({world,
                  sources,
                  book,
                  ledger,
                  clock,
                  [this] { return keys.keys().hash; },
                  {o.max_reloads, o.max_reloads_per_namespace},
                  &pins,
                  &desk,
                  o.analysis_allow,
                  &left},
                 SIDESTEP_VERSION),
        applier(parts()),
        controller({queue, gatherer, applier, trust, metrics, clock}),
        webhook(o.webhook, o.name_space, client, world, clock,
                [this] { return lease.may_act(clock.steady()); }),
        door(settings_of(
            {[this] { return live(); }, [this] { return ready(); }, [this] { return metrics_text(); }})) {}

  Authority authority() const {
    return {keys.keys().signing, static_cast<std::uint64_t>(lease.epoch()), lease.lease_uid()};
  }
  Applier::Parts parts() {
    return {client,
            events,
            sidecars,
            book,
            ledger,
            clock,
            [this] { return lease.may_act(clock.steady()); },
            [this](const std::string& name_space, const PodRef& pod) { return address(name_space, pod); },
            [this](const std::string& reload) { return slots.try_take(reload, clock.steady()); },
            [this](const std::string& reload) { slots.give_back(reload); },
            &pins,
            &desk,
            &left};
  }
  std::optional<SidecarAddress> address(const std::string& name_space, const PodRef& pod) const {
    const auto view = world.pod(name_space + "/" + pod.name);
    if (!view || view->uid != pod.uid || view->control_port == 0 || view->ip.empty()) return std::nullopt;
    return SidecarAddress{view->uid, view->ip, view->control_port};
  }
  std::string live() const {
    return world.is_healthy(clock.steady()) ? "" : "a watch has been silent for too long";
  }
  std::string ready() const {
    std::string missing = rights.missing();
    if (const std::string why = webhook.why_not_ready(); !why.empty())
      missing += (missing.empty() ? "" : "\n") + why;
    if (world.is_synced()) return missing;
    return "the caches are not filled yet" + (missing.empty() ? "" : "\n" + missing);
  }
  std::string metrics_text() const {
    auto refusals = door.refusals();
    for (const auto& [reason, count] : webhook.refusals()) refusals[reason] += count;
    return metrics.text({client.counts(), queue.counts(), options.lease, lease.is_leading(),
                         static_cast<std::uint64_t>(lease.epoch()), world.pod_count(),
                         world.policies().size(), events.dropped(), log::dropped(), refusals,
                         webhook.requests()});
  }

  const OperatorOptions& options;
  const Clock& clock = system_clock();
  std::unique_ptr<k8s::Transport> api, pods;
  k8s::Client client, lease_client;
  k8s::WorkQueue queue;
  World world;
  k8s::LeaseKeeper lease;
  KeyStore keys;
  TrustPublisher trust;
  RightsCheck rights;
  k8s::EventRecorder events;
  SidecarClient sidecars;
  SidecarBook book;
  WriteLedger ledger;
  k8s::WatchGroup named_objects;
  SourceWatches sources;
  PinKeeper pins;
  LeftCopies left;
  Slots slots;
  AnalysisDesk desk;
  Gatherer gatherer;
  Applier applier;
  Controller controller;
  Metrics metrics;
  Webhook webhook;
  front::Door door;  // last: its thread reads all the others
};

// What the last lists and reloads needed of memory goes back to the system once they are over.
void give_back_memory() {
  malloc_trim(0);
  give_back_startup_pages();
}

// Sees rotations of the key, and forgets what is known of pods that are gone.
void look_after(Operator& op, const std::stop_token& stop) {
  TimePoint keys_due = op.clock.steady() + kKeyCheck;
  std::uint64_t looked_at = 0;
  while (!stop.stop_requested()) {
    k8s::pause_for(kPodsCheck, stop);
    std::set<std::string> uids;
    for (const auto& pod : op.world.pods()) uids.insert(pod->uid);
    op.book.keep_only(uids);
    op.sidecars.keep_only(uids);
    uids.clear();
    if (const auto adds = op.queue.counts().adds; std::exchange(looked_at, adds) != adds) give_back_memory();
    if (op.clock.steady() < keys_due) continue;
    keys_due = op.clock.steady() + kKeyCheck;
    if (const auto read = op.keys.refresh(); !read)
      log::warn("cannot read the key", {{"error", read.error().detail}});
  }
}

bool load_keys(Operator& op, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto read = op.keys.refresh();
    if (read) return true;
    log::error("cannot read or make the signing key", {{"error", read.error().detail}});
    k8s::pause_for(Millis{2'000}, stop);
  }
  return false;
}

// The leader's life. Returns when asked to stop; ends the process when the lease is lost.
void lead(Operator& op, const std::stop_token& stop) {
  while (!op.world.is_synced() && !stop.stop_requested()) k8s::pause_for(kSyncCheck, stop);
  if (!op.lease.acquire(stop)) return;
  std::vector<std::jthread> workers;
  std::jthread starter([&op, &workers](const std::stop_token& stopped) {
    if (!load_keys(op, stopped)) return;
    for (int i = 0; i < op.options.workers; ++i)
      workers.emplace_back([&op](std::stop_token ended) { op.controller.work(std::move(ended)); });
    workers.emplace_back([&op](const std::stop_token& ended) { look_after(op, ended); });
    if (!op.options.analysis_allow.empty())
      workers.emplace_back([&op](const std::stop_token& ended) { op.desk.run(ended); });
  });
  if (!op.lease.keep(stop)) {
    log::error("ending: another operator may lead now");
    log::stop();
    std::_Exit(1);
  }
  starter.request_stop();
  starter.join();
  for (std::jthread& worker : workers) worker.request_stop();
  workers.clear();
  op.lease.release();
}

}  // namespace

int run_operator(const OperatorOptions& options) {
  EventLoop loop;
  const SignalSource signals(loop, {SIGTERM, SIGINT}, [&loop](int number) {
    log::info("stopping", {{"signal", number}});
    loop.stop();
  });
  log::start(options.log_level, options.log_format);
  auto access = k8s::find_access(options.access);
  if (!access) {
    log::error("no way to the Kubernetes API", {{"error", access.error().detail}});
    log::stop();
    return 1;
  }
  access->endpoint.dead_after = std::chrono::ceil<Seconds>(options.api_dead_after);
  Operator op(options, *access);
  if (const auto started = listen_at(op.door, "--listen", options.listen); !started) {
    log::error("cannot serve health checks", {{"error", started.error().detail}});
    log::stop();
    return 1;
  }
  if (const auto started = options.webhook.listen.empty() ? Status{} : op.webhook.listen(); !started) {
    log::error("cannot serve the webhook", {{"error", started.error().detail}});
    log::stop();
    return 1;
  }
  log::info("started", {{"version", SIDESTEP_VERSION},
                        {"api", access->endpoint.server},
                        {"as", access->source},
                        {"health", std::to_string(op.door.tcp_port())},
                        {"webhook", std::to_string(op.webhook.port())},
                        {"identity", options.identity}});
  op.world.run_all();
  op.door.start();
  std::jthread rights([&op](std::stop_token stop) { op.rights.run(std::move(stop)); });
  std::jthread events([&op](std::stop_token stop) { op.events.run(std::move(stop)); });
  std::jthread webhook([&op](const std::stop_token& stop) {
    if (op.webhook.is_wanted()) op.webhook.run(stop);
  });
  std::jthread leader([&op](const std::stop_token& stop) { lead(op, stop); });
  loop.run();
  leader.request_stop();
  leader.join();
  if (op.webhook.is_wanted()) k8s::pause_for(kLeave, {});
  op.door.stop();
  op.world.stop_all();
  log::info("stopped");
  log::stop();
  return 0;
}

}  // namespace sidestep::op
