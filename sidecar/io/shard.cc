#include "sidecar/io/shard.h"

#include <malloc.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "lib/base/log.h"
#include "lib/loop/signals.h"
#include "sidecar/io/client_h2.h"
#include "sidecar/io/introduction.h"

namespace sidestep::sidecar {
namespace {

constexpr int kAcceptBurst = 64;
constexpr Millis kTick{50};          // counters, idle connections, bounds of the hold
constexpr Millis kListenAgain{100};  // after the process ran out of descriptors
constexpr std::size_t kLoggedPerTick = 5;
constexpr std::size_t kMostClosed = 1'024;  // silent clients whose time is over, in a tick
constexpr std::size_t kManyParked = 64;
constexpr Millis kTrimPeriod{2'000};
constexpr std::size_t kMostReclaimed = 64;  // idle clients that are closed at a time
// Those idle for longest go first; whoever came or asked within the last moment is not idle.
constexpr Millis kReclaimAges[] = {Millis{10'000}, Millis{1'000}, Millis{50}};

http::H1Limits h1_limits_of(const Limits& limits) {
  http::H1Limits h1;
  h1.max_head_bytes = limits.max_head_bytes;
  h1.max_target = limits.max_target_bytes;
  h1.max_headers = limits.max_headers;
  h1.max_trailer_bytes = limits.max_trailer_bytes;
  return h1;
}

// A client that reads slowly must not stop the others of its connection: the connection's window never is the
// narrower one.
http::H2Limits app_h2_limits_of(const Limits& limits) {
  constexpr std::uint64_t kLargest = 0x7fffffff;  // RFC 9113 6.9.1
  http::H2Limits h2;
  h2.max_header_bytes = limits.max_head_bytes;
  h2.max_headers = limits.max_headers;
  h2.stream_window = static_cast<std::uint32_t>(limits.stream_buffer_bytes);
  h2.connection_window =
      static_cast<std::uint32_t>(std::min(kLargest, limits.stream_buffer_bytes * limits.app_max_streams));
  return h2;
}

http::H2Limits client_h2_limits_of(const Limits& limits) {
  http::H2Limits h2;
  h2.max_streams = static_cast<std::uint32_t>(limits.h2_max_streams);
  h2.stream_window = static_cast<std::uint32_t>(limits.h2_stream_window_bytes);
  h2.connection_window = static_cast<std::uint32_t>(limits.h2_connection_window_bytes);
  h2.max_header_bytes = limits.max_head_bytes;
  h2.max_headers = limits.max_headers;
  h2.max_output = limits.stream_buffer_bytes;
  h2.reset_burst = static_cast<std::uint32_t>(limits.h2_max_resets);
  h2.resets_per_second = h2.reset_burst / 10 + 1;
  h2.control_burst = static_cast<std::uint32_t>(limits.h2_max_empty_frames);
  h2.control_per_second = h2.control_burst / 10 + 1;
  return h2;
}

}  // namespace

Shard::Shard(const Options& options, const TrustedSources& trusted, SourceCounts& sources, int index,
             int count, ShardEvents events)
    : options_(options),
      trusted_(trusted),
      sources_(sources),
      index_(index),
      count_(count),
      events_(std::move(events)),
      h1_limits_(h1_limits_of(options.limits)),
      app_h2_limits_(app_h2_limits_of(options.limits)),
      client_h2_limits_(client_h2_limits_of(options.limits)),
      introduces_(options.app_proxy_protocol != AppProxyProtocol::kOff),
      nobody_(introduction_of(options.app_proxy_protocol, {})),
      kept_(options.limits.max_buffered_bytes / static_cast<std::size_t>(count),
            options.limits.stream_buffer_bytes),
      scratch_(new char[kLargeRead]),
      streams_(*this),
      router_(*this),
      parked_(loop_, {[this](SilentClient silent, std::uint32_t what) { unpark(std::move(silent), what); },
                      [this](const PeerAddress& peer) { sources_.leave(peer.ip); }}),
      tick_([this] { on_tick(); }),
      listen_again_([this] { listen(true); }) {}

Shard::~Shard() { stop(); }

void Shard::start(std::vector<int> listeners, RouteTablePtr table, TlsTerms tls) {
  tls_ = std::move(tls);
  thread_ = std::thread([this, listeners = std::move(listeners), table = std::move(table)]() mutable {
    run(std::move(listeners), std::move(table));
  });
}

void Shard::run(std::vector<int> listeners, RouteTablePtr table) {
  block_signal(SIGPIPE);  // of SplicePipe
  for (const int fd : listeners) {
    ports_.push_back(local_port(fd));
    const std::size_t index = listeners_.size();
    listeners_.push_back(std::make_unique<Listener>(*this, fd, static_cast<std::uint16_t>(index)));
    if (index >= options_.listen.size()) continue;
    listeners_.back()->tls = options_.listen[index].tls;
    listeners_.back()->proxy = options_.listen[index].proxy;
  }
  loop_.set_turn_end([this] { on_turn_end(); });
  loop_.arm(tick_, kTick);
  apply(std::move(table));
  loop_.run();
  listen(false);
  router_.shut();
  while (ClientIntro* intro = intros_.front()) intro->end(HandshakeResult::kGivenUp);
  while (ClientConn* client = clients_.front()) client->drop();
  parked_.close_all();
  loop_.cancel(tick_);
  loop_.cancel(listen_again_);
  on_turn_end();
  publish_counters();
}

void Shard::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Shard::publish(RouteTablePtr table) {
  loop_.post([this, table = std::move(table)]() mutable { apply(std::move(table)); });
}

void Shard::apply(RouteTablePtr table) {
  const RouteTable& newest = *table;
  router_.apply(table);
  if (newest.announce_close && !std::exchange(is_announced_, true)) {
    for_each_client([](ClientConn& client) { client.announce_end(); });
  }
  if (newest.stop_listening || newest.clients_until) {
    listen(false);
    is_ending_ = true;
  } else if (!newest.accept_later && !listen_again_.is_armed() && !listeners_.empty()) {
    listen(true);
  }
  if (!newest.stop_listening || std::exchange(is_shut_, true)) return;
  for_each_client([](ClientConn& client) { client.shut_when_idle(); });
  parked_.close_all();
}

template <typename Call>
void Shard::for_each_client(Call call) {
  for (ClientConn* client = clients_.front(); client != nullptr;) {
    ClientConn* next = IntrusiveList<ClientConn>::next(*client);
    call(*client);
    client = next;
  }
}

void Shard::listen(bool on) {
  if (on == is_listening_ || (on && is_ending_)) return;
  is_listening_ = on;
  for (auto& listener : listeners_) {
    if (on)
      loop_.add(listener->fd, EPOLLIN | EPOLLEXCLUSIVE, listener.get());
    else
      loop_.remove(listener->fd);
  }
}

void Shard::accept_from(const Listener& listener) {
  for (int i = 0; i < kAcceptBurst; ++i) {
    if (open_clients() >= limits().max_clients / static_cast<std::size_t>(count_)) {
      counters_.limits.count(Limit::kMaxClients);
      rest_from_accepting();
      return;
    }
    if (sheds(MemoryPressure::kAccepts)) {
      counters_.limits.count(Limit::kMaxMemoryBytes);
      rest_from_accepting();
      return;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    UniqueFd fd(
        ::accept4(listener.fd, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (!is_out_of_descriptors(errno)) return;
      if (reclaim_descriptors() > 0) continue;
      rest_from_accepting();
      return;
    }
    ++counters_.accepted;
    welcome(std::move(fd), peer_of(address), listener);
  }
}

void Shard::welcome(UniqueFd fd, const PeerAddress& peer, const Listener& listener) {
  const bool proxy = listener.proxy && trusted_.contains(peer.ip);
  if (!listener.tls && !proxy) return serve(Wire(std::move(fd)), peer, listener.index);
  // An attacker who lets handshakes hang loses the oldest first; honest ones take milliseconds.
  if (intros_.size() >=
      std::max<std::size_t>(1, limits().max_tls_handshakes / static_cast<std::size_t>(count_))) {
    counters_.limits.count(Limit::kMaxTlsHandshakes);
    intros_.front()->end(HandshakeResult::kGivenUp);
  }
  // The list's, until intro_ended().
  auto* intro = new ClientIntro(*this, Wire(std::move(fd)), peer, listener.index, {proxy, listener.tls});
  intros_.push_back(*intro);
}

std::unique_ptr<front::TlsSession> Shard::new_tls_session() {
  return tls_.clients == nullptr ? nullptr : front::TlsSession::accept(tls_.clients, tls_buffers_);
}

std::unique_ptr<front::TlsSession> Shard::new_app_tls_session(front::TlsResumption& resumption) {
  return tls_.app == nullptr ? nullptr : front::TlsSession::connect(tls_.app, tls_buffers_, &resumption);
}

void Shard::intro_ended(ClientIntro& intro) {
  intro.unlink();
  loop_.destroy_later(std::unique_ptr<Deletable>(&intro));
}

void Shard::secure(TlsTerms terms) {
  loop_.post([this, terms = std::move(terms)]() mutable { tls_ = std::move(terms); });
}

http::ForwardContext Shard::forward_context(const Wire& wire, const PeerAddress& peer, std::uint16_t listener,
                                            const http::RequestHead& head,
                                            std::array<char, INET6_ADDRSTRLEN>& ip) const {
  http::ForwardContext context;
  context.client_ip = format_ip(peer.ip, ip.data());
  context.local_port = listener_port(listener);
  context.trusted = !trusted_.empty() && trusted_.contains(peer.ip);
  wire.describe(context);
  context.framing = head.framing;
  context.content_length = head.content_length;
  context.upgrade = head.upgrade;
  return context;
}

// Level-triggered: a listener that cannot be emptied would wake us all the time.
void Shard::rest_from_accepting() {
  listen(false);
  loop_.arm(listen_again_, kListenAgain);
}

std::size_t Shard::reclaim_descriptors() {
  counters_.limits.count(Limit::kDescriptors);
  const std::size_t dropped = close_idle_clients();
  if (++logged_ <= kLoggedPerTick)
    log::warn("out of descriptors", {{"open", open_clients()}, {"idle_closed", dropped}});
  return dropped;
}

std::size_t Shard::close_idle_clients() {
  std::size_t dropped = 0;
  for (const Millis idle_for : kReclaimAges) {
    dropped += parked_.close_silent(now() - idle_for, kMostReclaimed);
    for (ClientConn* client = clients_.front(); client != nullptr && dropped < kMostReclaimed;) {
      ClientConn* next = IntrusiveList<ClientConn>::next(*client);
      dropped += client->drop_if_idle(now() - idle_for) ? 1 : 0;
      client = next;
    }
    if (dropped > 0) break;
  }
  return dropped;
}

void Shard::shed(MemoryPressure pressure) {
  loop_.post([this, pressure] {
    pressure_ = pressure;
    kept_.set_short(pressure != MemoryPressure::kNone);
  });
}

void Shard::save_memory() {
  if (!sheds(MemoryPressure::kConnections)) return;
  for (std::size_t i = close_idle_clients(); i > 0; --i) counters_.limits.count(Limit::kMaxMemoryBytes);
}

bool Shard::admits(const PeerAddress& peer) {
  if (sources_.enter(peer.ip)) return true;
  counters_.limits.count(Limit::kMaxClientsPerSource);
  return false;
}

void Shard::serve(Wire wire, const PeerAddress& peer, std::uint16_t listener) {
  if (!admits(peer)) return;
  if (introduces_ && wire.introduction().empty())
    wire.introduce(introduction_of(options_.app_proxy_protocol, addresses_of(wire.fd(), peer)));
  auto* client = new ClientH1(*this, std::move(wire), peer, listener);  // the list's, until client_closed()
  clients_.push_back(*client);
  if (client->has_begun()) client->on_io(EPOLLIN);
}

void Shard::serve_h2(Wire wire, const PeerAddress& peer, std::uint16_t listener, std::string_view bytes) {
  if (!admits(peer)) return;
  auto* client = new ClientH2(*this, std::move(wire), peer, listener);  // the list's, until client_closed()
  clients_.push_back(*client);
  if (is_announced_) client->announce_end();
  if (!bytes.empty()) client->take(bytes);
}

void Shard::client_closed(ClientConn& client) {
  sources_.leave(client.peer().ip);
  client.unlink();
  loop_.destroy_later(std::unique_ptr<Deletable>(&client));
}

void Shard::client_left(const Wire& wire) {
  if (introduces_ && wire.introduction() != nobody_) left_.emplace_back(wire.introduction());
}

void Shard::park(ClientH1& client, SilentClient silent) {
  parked_.add(std::move(silent));
  client.unlink();
  loop_.destroy_later(std::unique_ptr<Deletable>(&client));
  ++parked_lately_;
}

void Shard::unpark(SilentClient silent, std::uint32_t events) {
  auto* client = new ClientH1(*this, std::move(silent));  // the list's, until client_closed()
  clients_.push_back(*client);
  client->on_io(events);
}

void Shard::later(ClientH1& client) {
  if (client.is_resuming()) return;
  client.set_resuming();
  later_.push_back(&client);
}

void Shard::on_turn_end() {
  // One round: what these put off again is for the next turn, so that one client cannot keep the loop.
  if (!later_.empty()) {
    std::vector<ClientH1*> due;
    due.swap(later_);
    for (ClientH1* client : due) client->resume();
  }
  while (!turn_ends_.empty()) {
    std::vector<TurnEnd*> due;
    due.swap(turn_ends_);
    for (TurnEnd* object : due) object->on_turn_end();
  }
  if (!later_.empty()) loop_.post([] {});
  if (!left_.empty()) {
    for (const std::string& introduction : std::exchange(left_, {})) router_.client_left(introduction);
  }
  router_.end_turn();
  streams_.end_turn();
  h2_streams_.end_turn();
}

void Shard::on_tick() {
  loop_.arm(tick_, kTick);
  router_.tick(now());
  release_silent_clients();
  save_memory();
  logged_ = 0;
  for (std::size_t i = parked_.close_silent(now() - limits().idle_timeout, kMostClosed); i > 0; --i)
    counters_.limits.count(Limit::kIdleTimeout);
  // What many clients left behind when they were parked goes back to the system, and all there is when memory
  // is short.
  const bool is_worthwhile = parked_lately_ >= kManyParked || sheds(MemoryPressure::kConnections);
  const bool is_due = is_worthwhile && now() - trimmed_ >= kTrimPeriod;
  if (is_due) {
    parked_lately_ = 0;
    trimmed_ = now();
  }
  if (kept_.has_fallen() || is_due) ::malloc_trim(0);
  publish_counters();
}

ShardCounters Shard::collect() {
  ShardCounters counters = counters_;
  counters.clients_open = open_clients();
  counters.handshakes_open = intros_.size();
  router_.collect(counters);
  return counters;
}

// Of a worker that was replaced, in the second half of its time.
std::optional<TimePoint> Shard::release_by() {
  const RouteTable& table = router_.table();
  if (table.release_by || !table.clients_until) return table.release_by;
  if (leaving_since_ == TimePoint{}) leaving_since_ = now();
  if (now() < leaving_since_ + (*table.clients_until - leaving_since_) / 2) return std::nullopt;
  return table.clients_until;
}

// Every answer says that the connection closes. A client that asks for nothing cannot be told; those are
// closed one after the other, so that they do not come back all at once.
void Shard::release_silent_clients() {
  const std::optional<TimePoint> until = release_by();
  if (!until) return;
  const auto left = std::max<std::int64_t>(std::chrono::duration_cast<Millis>(*until - now()) / kTick, 1);
  release_due_ += static_cast<double>(clients_.size() + parked_.size()) / static_cast<double>(left);
  release_due_ -= static_cast<double>(parked_.close_silent(now(), static_cast<std::size_t>(release_due_)));
  for (ClientConn* client = clients_.front(); client != nullptr && release_due_ >= 1.0;) {
    ClientConn* next = IntrusiveList<ClientConn>::next(*client);
    if (client->is_silent()) {
      client->shut_when_idle();
      release_due_ -= 1.0;
    }
    client = next;
  }
}

void Shard::publish_counters() {
  ShardCounters counters = collect();
  const std::lock_guard<std::mutex> lock(published_mutex_);
  published_ = std::move(counters);
}

ShardCounters Shard::latest_counters() const {
  const std::lock_guard<std::mutex> lock(published_mutex_);
  return published_;
}

void Shard::ask_counters(std::function<void(ShardCounters)> answer) {
  loop_.post([this, answer = std::move(answer)] { answer(collect()); });
}

void Shard::reset_hold_mark() {
  loop_.post([this] { counters_.longest_hold_reload_us = 0; });
}

void Shard::log_refused(const PeerAddress& peer, std::string_view reason) {
  if (++logged_ > kLoggedPerTick) return;
  char ip[INET6_ADDRSTRLEN];
  log::warn("request refused", {{"reason", reason}, {"client", format_ip(peer.ip, ip)}, {"port", peer.port}});
}

void Shard::count_limit(http::BadReason reason) {
  using http::BadReason;
  if (reason == BadReason::kHeadTooLarge) counters_.limits.count(Limit::kMaxHeadBytes);
  if (reason == BadReason::kTargetTooLong) counters_.limits.count(Limit::kMaxTargetBytes);
  if (reason == BadReason::kTooManyFields) counters_.limits.count(Limit::kMaxHeaders);
  if (reason == BadReason::kTrailersTooLarge) counters_.limits.count(Limit::kMaxTrailerBytes);
}

void Shard::log_bad_answer(Generation generation, std::string_view reason) {
  if (++logged_ > kLoggedPerTick) return;
  log::warn("answer of the app refused", {{"reason", reason}, {"generation", number(generation)}});
}

void Shard::log_app_tls(Generation generation, std::string_view reason) {
  if (++logged_ > kLoggedPerTick) return;
  log::warn("no TLS to the app", {{"reason", reason}, {"generation", number(generation)}});
}

}  // namespace sidestep::sidecar
