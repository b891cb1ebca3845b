#include "sidecar/io/retired_worker.h"

#include <algorithm>

#include "lib/base/log.h"
#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kOpenLook{50};
constexpr Millis kToldBefore{2'000};  // between a Close frame and the cut
constexpr Millis kMargin{1'000};      // for the cut itself
constexpr int kServiceRestart = 1012;
constexpr std::size_t kMostVersions = 1'024;

}  // namespace

RetiredWorker::RetiredWorker(Parts parts, const RouteTable& routes)
    : parts_(std::move(parts)),
      since_(parts_.loop.now()),
      routes_(routes),
      version_(routes.version),
      ends_at_(since_ + parts_.settings.drain),
      look_([this] { look(); }) {
  publish();
  parts_.loop.arm(look_, kOpenLook);
}

RetiredWorker::~RetiredWorker() = default;

void RetiredWorker::publish() {
  auto table = std::make_shared<RouteTable>(routes_);
  table->version = ++version_;
  table->announce_close = true;
  table->accept_later = false;
  table->clients_until = since_ + parts_.settings.idle;
  if (is_ending_) {
    table->refuse = true;
    table->stop_listening = true;
    for (auto* entry : {&table->active, &table->candidate}) {
      if (*entry) table->closing.emplace_back().generation = (*entry)->generation;
      entry->reset();
    }
    for (Closing& closing : table->closing) {
      if (closing.tunnel_close_code == 0) closing.tunnel_close_code = kServiceRestart;
      closing.tunnels_until = std::min(closing.tunnels_until.value_or(ends_at_), ends_at_);
      closing.requests_until = std::min(closing.requests_until.value_or(ends_at_), ends_at_);
    }
  }
  theirs_.emplace_back(version_, routes_.version);
  if (theirs_.size() > kMostVersions) theirs_.erase(theirs_.begin());
  parts_.plane.publish(std::move(table));
}

void RetiredWorker::link(UniqueFd socket) {
  if (is_done_) return;
  if (peer_) parts_.loop.destroy_later(std::move(peer_));
  peer_ = std::make_unique<FramePeer>(parts_.loop, std::move(socket), *this);
  reported_.clear();
  theirs_.clear();  // versions of a worker that is gone mean nothing to its successor
  report(parts_.plane.latest_counters());
}

void RetiredWorker::on_frame(FramePeer& peer, const launch::Frame& frame) {
  if (is_done_ || &peer != peer_.get() || frame.type != LinkRoutes::kType) return;
  const auto message = launch::decode<LinkRoutes>(frame);
  auto table = message ? decode_routes(message->table) : std::nullopt;
  if (!table) return log::warn("routes that cannot be read: the last ones stay", {});
  auto sockets = peer.take_fds(message->pinned.size());
  for (std::size_t i = 0; i < sockets.size(); ++i)
    parts_.pin(static_cast<Generation>(message->pinned[i]), std::move(sockets[i]));
  parts_.rebase(*table);
  routes_ = *std::move(table);
  publish();
}

void RetiredWorker::on_closed(FramePeer& /*peer*/) {
  parts_.loop.destroy_later(std::move(peer_));  // the parent brings the next one
}

void RetiredWorker::on_idle(Generation generation, std::uint64_t version) {
  const auto later =
      std::find_if(theirs_.rbegin(), theirs_.rend(), [&](const auto& pair) { return pair.first <= version; });
  if (later == theirs_.rend() || !peer_ || is_done_) return;
  report(parts_.plane.counters());  // what it counted before it became idle
  peer_->send(launch::encode(LinkIdle{number(generation), later->second}));
}

void RetiredWorker::on_suspect(Generation generation) {
  if (peer_) peer_->send(launch::encode(LinkSuspect{number(generation)}));
}

void RetiredWorker::report(const ShardCounters& counters) {
  std::string now = encode(counters);
  if (!peer_ || now == reported_) return;
  peer_->send(launch::encode(LinkCounters{now}));
  reported_ = std::move(now);
}

void RetiredWorker::end() {
  if (is_ending_ || is_done_) return;
  is_ending_ = true;
  ends_at_ = parts_.loop.now() + kToldBefore;
  log::info("what is still open here is told and cut", {});
  publish();
}

void RetiredWorker::look() {
  parts_.loop.arm(look_, kOpenLook);
  ShardCounters counters = parts_.plane.latest_counters();
  // It ends only on what every shard says now: what they published may be older than their last client.
  bool is_empty = false;
  if (counters.clients_open == 0) {
    if (auto fresh = parts_.plane.fresh_counters()) {
      counters = *std::move(fresh);
      is_empty = counters.clients_open == 0 && parts_.loop.now() > since_ + 4 * kOpenLook;
    }
  }
  report(counters);
  if (is_empty || (is_ending_ && parts_.loop.now() >= ends_at_ + kMargin)) return finish();
  if (!is_ending_ && parts_.loop.now() >= ends_at_) end();
}

void RetiredWorker::finish() {
  if (is_done_) return;
  is_done_ = true;
  parts_.loop.cancel(look_);
  parts_.plane.stop();
  parts_.done();
}

}  // namespace sidestep::sidecar
