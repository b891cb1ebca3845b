#include "sidecar/io/app_pool.h"

#include <algorithm>

#include "sidecar/io/app_conn.h"
#include "sidecar/io/app_h2.h"
#include "sidecar/io/app_intro.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kFirstRetry{5};  // after a refused connect
constexpr Millis kLongestRetry{100};
constexpr Millis kBacklogRetry{2};  // after a full backlog

}  // namespace

AppPool::AppPool(Shard& shard, RouteEntry entry)
    : shard_(shard),
      entry_(std::move(entry)),
      by_client_(shard.options().app_proxy_protocol != AppProxyProtocol::kOff),
      retry_(*this),
      limit_(*this) {
  counters_.generation = entry_.generation;
}

AppPool::~AppPool() = default;

void AppPool::acquire(Stream& stream) {
  stream.set_pool(this);
  ++counters_.requests;
  while (waiting_.empty() || by_client_) {
    AppLink* link = by_client_       ? own_link(stream.introduction())
                    : roomy_.empty() ? idle_.back()
                                     : roomy_.back();
    if (link == nullptr) break;
    // A request that may not be sent twice is not risked on a connection that the app has just closed.
    if ((!stream.idempotent() || stream.was_tried()) && link->is_stale()) {
      link->drop();
      continue;
    }
    ++counters_.in_flight;
    attach(*link, stream);
    return;
  }
  ++counters_.in_flight;
  if (by_client_ && is_full() && !idle_.empty()) idle_.front()->drop();
  waiting_.push_back(stream);
  LimitHits& limits = shard_.counters().limits;
  if (is_full()) limits.count(Limit::kAppMaxConnections);
  if (slots() > 1 && connections_ > connecting_) limits.count(Limit::kAppMaxStreams);
  if (suspect_ || is_full()) {
    // Rejected when the hold is full, and then it has left already.
    (void)shard_.router().admit_to_hold(stream);
    return;
  }
  open_connections();
}

void AppPool::attach(AppLink& link, Stream& stream) {
  streams_.push_back(stream);
  link.attach(stream);
  file(link);
}

void AppPool::file(AppLink& link) {
  unfile(link);
  (!link.has_room() ? busy_ : link.is_idle() ? idle_ : roomy_).push_back(link);
  if (by_client_ && link.is_idle()) idle_by_client_.emplace(link.introduction(), &link);
}

void AppPool::unfile(AppLink& link) {
  link.unlink();
  if (by_client_) idle_by_client_.erase({link.introduction(), &link});
}

AppLink* AppPool::own_link(std::string_view introduction) {
  const auto found = idle_by_client_.lower_bound({introduction, nullptr});
  return found != idle_by_client_.end() && found->first == introduction ? found->second : nullptr;
}

void AppPool::client_left(std::string_view introduction) {
  while (AppLink* link = own_link(introduction)) link->drop();
}

bool AppPool::is_full() const {
  const int most = shard_.limits().app_max_connections;
  return most > 0 && connections_ >= static_cast<std::size_t>(most);
}

void AppPool::stream_left(Stream& stream) {
  stream.unlink();
  --counters_.in_flight;
  if (retiring_ && is_idle()) shard_.router().pool_changed();
}

void AppPool::open_connections() {
  const Limits& limits = shard_.limits();
  const auto most_connecting = static_cast<std::size_t>(std::max(1, limits.app_max_connecting));
  while (!suspect_ && !is_full() && connecting_ < most_connecting &&
         (connecting_ + unsettled_) * slots() < waiting_.size()) {
    if (!open_one()) return;
  }
  if (connecting_ >= most_connecting && connecting_ * slots() < waiting_.size())
    shard_.counters().limits.count(Limit::kAppMaxConnecting);
}

std::size_t AppPool::slots() const {
  return is_h2(shard_.options().app_protocol) ? shard_.limits().app_max_streams : 1;
}

// Owned by the lists, until gone().
AppLink* AppPool::make_link(Wire wire, bool connected) {
  if (is_h2(shard_.options().app_protocol)) return new AppH2(shard_, *this, std::move(wire), connected);
  return new AppConn(shard_, *this, std::move(wire), connected);
}

// A full backlog, and a lack of descriptors, pass; whoever waits for the latter waits in the hold, which has
// a bound.
void AppPool::could_not_open(const Error& error) {
  const bool lacks_one = lacks_descriptor(error);
  if (error.kind != ErrorKind::kLimit && !lacks_one) return refused();
  if (lacks_one && shard_.reclaim_descriptors() == 0) hold_waiting();
  shard_.loop().arm(retry_, lacks_one ? kLongestRetry : kBacklogRetry);
}

void AppPool::hold_waiting() {
  for (Stream* stream = waiting_.front(); stream != nullptr;) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    (void)shard_.router().admit_to_hold(*stream);
    stream = next;
  }
}

bool AppPool::open_one() {
  ++counters_.connects;
  const bool is_unix = !entry_.address.socket_path.empty();
  Result<UniqueFd> fd =
      is_unix ? connect_unix(entry_.address.socket_path) : connect_tcp("127.0.0.1", entry_.address.port);
  if (!fd) {
    ++counters_.connect_failures;
    could_not_open(fd.error());
    return false;
  }
  ++connections_;
  if (!is_unix) set_no_delay(fd->get());
  const bool is_tls = shard_.options().app_tls.on;
  Wire wire(*std::move(fd));
  AppLink* link = is_tls ? new AppIntro(shard_, *this, std::move(wire)) : make_link(std::move(wire), is_unix);
  busy_.push_back(*link);
  if (is_unix && !is_tls) {
    serve_waiting(*link);
  } else {
    ++connecting_;
    arm_limit();
  }
  return true;
}

void AppPool::connected(AppLink& link) {
  --connecting_;
  serve_waiting(link);
}

void AppPool::introduced(AppIntro& intro, Wire wire) {
  intro.unlink();
  shard_.loop().destroy_later(std::unique_ptr<Deletable>(&intro));
  AppLink* link = make_link(std::move(wire), true);
  busy_.push_back(*link);
  connected(*link);
  link->read_first();
}

void AppPool::serve_waiting(AppLink& link) {
  failures_ = 0;
  suspect_ = fails_tls_ = false;
  while (Stream* next = next_for(link)) attach(link, *next);
  if ((retiring_ && link.is_idle()) || is_useless(link))
    link.drop();
  else
    file(link);
  open_connections();
}

Stream* AppPool::next_for(const AppLink& link) {
  if (waiting_.empty() || !link.has_room()) return nullptr;
  const bool is_others = by_client_ && !link.introduction().empty() &&
                         link.introduction() != waiting_.front()->introduction();
  return is_others ? nullptr : waiting_.pop_front();
}

// Of connections with a PROXY header: nobody has taken it, or it stands in the way of who waits.
bool AppPool::is_useless(const AppLink& link) const {
  return by_client_ && link.is_idle() && (link.introduction().empty() || (is_full() && !waiting_.empty()));
}

void AppPool::has_room(AppLink& link) {
  if (retiring_ && link.is_idle())
    link.drop();
  else
    serve_waiting(link);
}

void AppPool::handshake_failed() {
  connect_failed();
  fails_tls_ = true;
}

void AppPool::connect_failed() {
  fails_tls_ = false;
  resumption_ = {};  // it may be what the app chokes on
  --connecting_;
  ++counters_.connect_failures;
  refused();
}

// A connect was refused: who waits for a candidate goes to active, who waits for active is held.
void AppPool::refused() {
  ++failures_;
  if (shard_.events().suspect) shard_.events().suspect(entry_.generation);
  if (retiring_ || shard_.router().is_candidate(entry_.generation)) {
    release_waiting();
    return;
  }
  suspect_ = true;
  hold_waiting();
  shard_.loop().arm(retry_, std::min(kLongestRetry, kFirstRetry * (1 << std::min(failures_ - 1, 5))));
}

void AppPool::release_waiting() {
  IntrusiveList<Stream> leaving;
  while (Stream* stream = waiting_.pop_front()) leaving.push_back(*stream);
  while (Stream* stream = leaving.pop_front()) {
    if (retiring_) {
      --counters_.in_flight;
      --counters_.requests;
      stream->dispatch();
    } else {
      stream->failed(AttemptFailure::kConnectFailed, 0);
    }
  }
}

void AppPool::on_retry() {
  suspect_ = false;
  if (waiting_.empty()) return;
  if (connecting_ == 0 && open_one()) suspect_ = failures_ > 0 && connecting_ > 0;
}

void AppPool::arm_limit() {
  if (!limit_.is_armed()) shard_.loop().arm(limit_, shard_.limits().app_connect_timeout);
}

// Connects that are still under way after the limit are given up: the app's backlog is full or it hangs.
void AppPool::on_limit() {
  const Millis limit = shard_.limits().app_connect_timeout;
  TimePoint oldest = TimePoint::max();
  for (AppLink* link = busy_.front(); link != nullptr;) {
    AppLink* next = IntrusiveList<AppLink>::next(*link);
    if (link->is_connecting() && shard_.now() - link->idle_since() < limit) {
      oldest = std::min(oldest, link->idle_since());
    } else if (link->is_connecting()) {
      shard_.counters().limits.count(Limit::kAppConnectTimeout);
      connect_failed();
      link->drop();
    }
    link = next;
  }
  if (oldest != TimePoint::max() && !limit_.is_armed()) shard_.loop().arm_at(limit_, oldest + limit);
}

void AppPool::gone(AppLink& link) {
  unfile(link);
  --connections_;
  shard_.loop().destroy_later(std::unique_ptr<Deletable>(&link));
  if (retiring_ && is_idle()) shard_.router().pool_changed();
  if (!waiting_.empty() && !retiring_ && !suspect_) open_connections();
}

void AppPool::retire(const Closing& closing) {
  retiring_ = true;
  closing_ = closing;
  while (AppLink* link = idle_.front()) link->drop();
  release_waiting();
  for (Stream* stream = streams_.front(); stream != nullptr && closing.tunnel_close_code != 0;) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    if (stream->is_long_lived()) stream->close_long(closing.tunnel_close_code);
    stream = next;
  }
  if (is_idle()) shard_.router().pool_changed();
}

void AppPool::sweep(TimePoint now) {
  while (AppLink* link = idle_.front()) {
    if (now - link->idle_since() < shard_.limits().app_idle_timeout) break;
    shard_.counters().limits.count(Limit::kAppIdleTimeout);
    link->drop();
  }
  if (!retiring_) return;
  const bool requests_over = closing_.requests_until && now >= *closing_.requests_until;
  const bool tunnels_over = closing_.tunnels_until && now >= *closing_.tunnels_until;
  for (Stream* stream = streams_.front(); stream != nullptr && (requests_over || tunnels_over);) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    if (requests_over && !stream->is_long_lived() && !stream->outlives_requests())
      stream->cut(Outcome::kCut);
    else if (tunnels_over && stream->is_long_lived())
      stream->cut_long();
    else if (requests_over && closing_.tunnel_close_code != 0)
      stream->close_long(closing_.tunnel_close_code);
    stream = next;
  }
}

void AppPool::shut() {
  retiring_ = true;
  while (Stream* stream = waiting_.front()) stream->cut(Outcome::kCut);
  while (Stream* stream = streams_.front()) stream->cut(Outcome::kCut);
  for (IntrusiveList<AppLink>* links : {&idle_, &roomy_, &busy_}) {
    while (AppLink* link = links->front()) link->drop();
  }
}

std::size_t AppPool::held_bytes() const {
  std::size_t bytes = 0;
  for (Stream* stream = waiting_.front(); stream != nullptr; stream = IntrusiveList<Stream>::next(*stream)) {
    if (stream->is_held()) bytes += stream->waiting_bytes();
  }
  return bytes;
}

Stream* AppPool::newest_held() {
  Stream* newest = waiting_.back();
  return newest != nullptr && newest->is_held() ? newest : nullptr;
}

}  // namespace sidestep::sidecar
