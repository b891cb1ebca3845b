#include "sidecar/io/app_pool.h"

#include <algorithm>

#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kFirstRetry{5};  // after a refused connect
constexpr Millis kLongestRetry{100};
constexpr Millis kBacklogRetry{2};  // after a full backlog

}  // namespace

AppPool::AppPool(Shard& shard, RouteEntry entry)
    : shard_(shard), entry_(std::move(entry)), retry_(*this), limit_(*this) {
  counters_.generation = entry_.generation;
}

AppPool::~AppPool() = default;

void AppPool::acquire(Stream& stream) {
  stream.set_pool(this);
  ++counters_.requests;
  while (waiting_.empty()) {
    AppConn* conn = idle_.pop_back();
    if (conn == nullptr) break;
    busy_.push_back(*conn);
    // A request that may not be sent twice is not risked on a connection that the app has just closed.
    if ((!stream.idempotent() || stream.was_tried()) && conn->is_stale()) {
      conn->abandon();
      continue;
    }
    streams_.push_back(stream);
    ++counters_.in_flight;
    conn->attach(stream);
    return;
  }
  ++counters_.in_flight;
  waiting_.push_back(stream);
  if (suspect_ || is_full()) {
    // Rejected when the hold is full, and then it has left already.
    (void)shard_.router().admit_to_hold(stream);
    return;
  }
  open_connections();
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
  while (!suspect_ && !is_full() && connecting_ < std::min(waiting_.size(), most_connecting)) {
    if (!open_one()) return;
  }
}

bool AppPool::open_one() {
  ++counters_.connects;
  const bool is_unix = !entry_.address.socket_path.empty();
  Result<UniqueFd> fd =
      is_unix ? connect_unix(entry_.address.socket_path) : connect_tcp("127.0.0.1", entry_.address.port);
  if (!fd) {
    ++counters_.connect_failures;
    if (fd.error().retry == Retry::kLater)
      shard_.loop().arm(retry_, kBacklogRetry);
    else
      refused();
    return false;
  }
  ++connections_;
  auto* conn = new AppConn(shard_, *this, *std::move(fd), is_unix);  // owned by the lists, until gone()
  busy_.push_back(*conn);
  if (is_unix) {
    serve_waiting(*conn);
  } else {
    set_no_delay(conn->descriptor());
    ++connecting_;
    arm_limit();
  }
  return true;
}

void AppPool::connected(AppConn& conn) {
  --connecting_;
  serve_waiting(conn);
}

void AppPool::serve_waiting(AppConn& conn) {
  failures_ = 0;
  suspect_ = false;
  if (Stream* stream = waiting_.pop_front()) {
    streams_.push_back(*stream);
    conn.attach(*stream);
  } else if (retiring_) {
    conn.abandon();
  } else {
    conn.unlink();
    idle_.push_back(conn);
  }
  open_connections();
}

void AppPool::idle(AppConn& conn) {
  if (retiring_) {
    conn.abandon();
    return;
  }
  serve_waiting(conn);
}

void AppPool::connect_failed(AppConn&, int) {
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
  for (Stream* stream = waiting_.front(); stream != nullptr;) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    (void)shard_.router().admit_to_hold(*stream);
    stream = next;
  }
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

// Connects that are still under way after the limit are given up, all at once: the app's backlog is full or
// it hangs.
void AppPool::on_limit() {
  if (connecting_ == 0) return;
  for (AppConn* conn = busy_.front(); conn != nullptr;) {
    AppConn* next = IntrusiveList<AppConn>::next(*conn);
    if (conn->is_connecting()) {
      connect_failed(*conn, 0);
      conn->abandon();
    }
    conn = next;
  }
}

void AppPool::gone(AppConn& conn) {
  conn.unlink();
  --connections_;
  shard_.loop().destroy_later(std::unique_ptr<Deletable>(&conn));
  if (retiring_ && is_idle()) shard_.router().pool_changed();
  if (!waiting_.empty() && !retiring_ && !suspect_) open_connections();
}

void AppPool::retire(const Closing& closing) {
  retiring_ = true;
  closing_ = closing;
  while (AppConn* conn = idle_.front()) conn->abandon();
  release_waiting();
  for (Stream* stream = streams_.front(); stream != nullptr && closing.tunnel_close_code != 0;) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    if (stream->is_tunnel()) stream->close_tunnel(closing.tunnel_close_code);
    stream = next;
  }
  if (is_idle()) shard_.router().pool_changed();
}

void AppPool::sweep(TimePoint now) {
  while (AppConn* conn = idle_.front()) {
    if (now - conn->idle_since() < shard_.limits().app_idle_timeout) break;
    conn->abandon();
  }
  if (!retiring_) return;
  const bool requests_over = closing_.requests_until && now >= *closing_.requests_until;
  const bool tunnels_over = closing_.tunnels_until && now >= *closing_.tunnels_until;
  for (Stream* stream = streams_.front(); stream != nullptr && (requests_over || tunnels_over);) {
    Stream* next = IntrusiveList<Stream>::next(*stream);
    if (stream->is_tunnel() && tunnels_over)
      stream->cut_tunnel();
    else if (!stream->is_tunnel() && requests_over)
      stream->cut(Outcome::kCut);
    stream = next;
  }
}

void AppPool::shut() {
  retiring_ = true;
  while (Stream* stream = waiting_.front()) stream->cut(Outcome::kCut);
  while (Stream* stream = streams_.front()) stream->cut(Outcome::kCut);
  while (AppConn* conn = idle_.front()) conn->abandon();
  while (AppConn* conn = busy_.front()) conn->abandon();
}

std::size_t AppPool::waiting_bytes() const {
  std::size_t bytes = 0;
  for (Stream* stream = waiting_.front(); stream != nullptr; stream = IntrusiveList<Stream>::next(*stream)) {
    bytes += stream->waiting_bytes();
  }
  return bytes;
}

}  // namespace sidestep::sidecar
