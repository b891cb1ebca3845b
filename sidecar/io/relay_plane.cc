#include "sidecar/io/relay_plane.h"

#include <algorithm>

#include "lib/base/log.h"
#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {

namespace {

constexpr std::ptrdiff_t kMostOfGone = 8;

// What a worker that is gone has no more of.
void drop_present(ShardCounters& counters) {
  counters.clients_open = counters.held_now = counters.held_bytes_now = counters.handshakes_open = 0;
  for (GenerationCounters& one : counters.generations) one.in_flight = one.tunnels_open = 0;
}

}  // namespace

RelayPlane::RelayPlane(EventLoop& loop, PlaneEvents events, std::function<int(Generation)> pinned)
    : loop_(loop), events_(std::move(events)), pinned_(std::move(pinned)) {
  idle_.add_worker(kOwn);
}

RelayPlane::~RelayPlane() = default;

PlaneEvents RelayPlane::own_events() {
  PlaneEvents own = events_;
  own.idle = [this](Generation generation, std::uint64_t version) { note(kOwn, generation, version); };
  return own;
}

void RelayPlane::note(int worker, Generation generation, std::uint64_t version) {
  if (const auto idle = idle_.note(worker, generation, version); idle && events_.idle)
    events_.idle(idle->generation, idle->version);
}

void RelayPlane::start(std::vector<int> listeners, RouteTablePtr first) {
  last_ = first;
  own_->start(std::move(listeners), std::move(first));
}

void RelayPlane::publish(RouteTablePtr table) {
  last_ = table;
  std::vector<Generation> closing;
  for (const Closing& one : table->closing) closing.push_back(one.generation);
  idle_.keep_only(closing);
  own_->publish(std::move(table));
  for (auto& [worker, old] : old_) tell(old);
}

void RelayPlane::tell(Old& old) {
  if (!old.peer) return;
  LinkRoutes routes{encode(*last_), {}};
  std::vector<UniqueFd> sockets;
  for (const auto& entry : {last_->active, last_->candidate}) {
    if (!entry || entry->address.socket_path.empty()) continue;
    const bool has = std::find(old.pinned.begin(), old.pinned.end(), entry->generation) != old.pinned.end();
    const int fd = has ? -1 : pinned_(entry->generation);
    if (fd < 0) continue;
    old.pinned.push_back(entry->generation);
    routes.pinned.push_back(number(entry->generation));
    sockets.push_back(duplicate(fd));
  }
  old.peer->send(launch::encode(routes), std::move(sockets));
}

std::optional<ShardCounters> RelayPlane::fresh_counters() {
  std::optional<ShardCounters> sum = own_->fresh_counters();
  if (sum) add_others(*sum);
  return sum;
}

ShardCounters RelayPlane::latest_counters() const {
  ShardCounters sum = own_->latest_counters();
  add_others(sum);
  return sum;
}

void RelayPlane::add_others(ShardCounters& sum) const {
  for (const auto& [worker, old] : old_) sum.add(old.last);
  sum.add(gone_);
}

void RelayPlane::secure(front::TlsServerPtr terms, std::vector<CertificateView> certificates) {
  own_->secure(std::move(terms), std::move(certificates));
}

void RelayPlane::reset_hold_mark() {
  own_->reset_hold_mark();
  gone_.longest_hold_reload_us = 0;
  for (auto& [worker, old] : old_) old.last.longest_hold_reload_us = 0;
}

void RelayPlane::stop() {
  old_.clear();
  own_->stop();
}

void RelayPlane::add_old(int worker, ShardCounters last) {
  if (old_.contains(worker)) return;
  idle_.add_worker(worker);
  old_[worker].last = std::move(last);
}

void RelayPlane::link(int worker, UniqueFd socket) {
  add_old(worker, {});
  Old& old = old_[worker];
  if (old.peer) loop_.destroy_later(std::move(old.peer));
  old.pinned.clear();
  old.peer = std::make_unique<FramePeer>(loop_, std::move(socket), *this);
  tell(old);
}

void RelayPlane::gone(int worker) {
  const auto it = old_.find(worker);
  if (it == old_.end()) return;
  if (it->second.peer) it->second.peer->on_io(0x001 /* EPOLLIN */);  // what it said last
  if (it->second.peer) loop_.destroy_later(std::move(it->second.peer));
  add_gone(it->second.last);
  old_.erase(it);
  for (const auto& idle : idle_.remove_worker(worker)) {
    if (events_.idle) events_.idle(idle.generation, idle.version);
  }
}

void RelayPlane::add_gone(const ShardCounters& counters) {
  gone_.add(counters);
  drop_present(gone_);
  auto& generations = gone_.generations;
  std::sort(generations.begin(), generations.end(),
            [](const auto& a, const auto& b) { return a.generation < b.generation; });
  if (std::ssize(generations) > kMostOfGone)  // as a shard keeps them
    generations.erase(generations.begin(), generations.end() - kMostOfGone);
}

std::map<int, ShardCounters> RelayPlane::old_counters() const {
  std::map<int, ShardCounters> counters;
  for (const auto& [worker, old] : old_) counters.emplace(worker, old.last);
  return counters;
}

void RelayPlane::leave_alone() {
  for (auto& [worker, old] : old_) {
    if (old.peer) loop_.destroy_later(std::move(old.peer));
    idle_.remove_worker(worker);
  }
  old_.clear();
}

void RelayPlane::on_frame(FramePeer& peer, const launch::Frame& frame) {
  const auto it = std::find_if(old_.begin(), old_.end(),
                               [&](const auto& entry) { return entry.second.peer.get() == &peer; });
  if (it == old_.end()) return;
  if (frame.type == LinkCounters::kType) {
    const auto message = launch::decode<LinkCounters>(frame);
    if (auto counters = message ? decode_counters(message->counters) : std::nullopt)
      it->second.last = std::move(*counters);
  } else if (frame.type == LinkIdle::kType) {
    if (const auto idle = launch::decode<LinkIdle>(frame))
      note(it->first, static_cast<Generation>(idle->generation), idle->version);
  } else if (frame.type == LinkSuspect::kType) {
    const auto suspect = launch::decode<LinkSuspect>(frame);
    if (suspect && events_.suspect) events_.suspect(static_cast<Generation>(suspect->generation));
  }
}

// The parent says when it is gone; until then it may still have streams.
void RelayPlane::on_closed(FramePeer& peer) {
  for (auto& [worker, old] : old_) {
    if (old.peer.get() == &peer) loop_.destroy_later(std::move(old.peer));
  }
}

}  // namespace sidestep::sidecar
