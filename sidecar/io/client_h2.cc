#include "sidecar/io/client_h2.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kSpread{2'000};  // clients of a pod that ends reconnect within this time, evenly

// Ports of one client follow each other: the golden ratio spreads them.
Millis spread_by(const PeerAddress& peer) {
  const std::uint32_t place = (peer.port * 40'503U) & 0xffffU;
  return Millis(kSpread.count() * place / 0x10000);
}

}  // namespace

ClientH2::ClientH2(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener)
    : shard_(shard),
      wire_(std::move(wire)),
      session_(http::H2Role::kServer, shard.client_h2_limits(), *this, shard.headers()),
      idle_since_(shard.now()),
      peer_(peer),
      listener_(listener),
      wanted_(EPOLLIN) {
  shard_.loop().add(wire_.fd(), wanted_, this);
  watch(shard_.limits().idle_timeout);
  flush_later();  // our settings
}

ClientH2::~ClientH2() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
}

void ClientH2::on_io(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    drop();
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    std::uint64_t sent = 0;
    if (wire_.send_rest(sent) == SendState::kBroken) {
      drop();
      return;
    }
    if (sent > 0) progress_at_ = shard_.now();
    flush_later();
  }
  if ((events & EPOLLIN) != 0) on_readable();
}

bool ClientH2::wants_bytes() const {
  return state_ == State::kLinger || wire_.unsent() <= shard_.limits().stream_buffer_bytes;
}

void ClientH2::on_readable() {
  if (!wants_bytes()) {
    update_interest();
    return;
  }
  const ssize_t count = wire_.recv(shard_.scratch(), Shard::kRead);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (count <= 0) {
    drop();  // HTTP/2 has no half-close: who wants an answer stays
    return;
  }
  if (state_ == State::kLinger) return;
  take({shard_.scratch(), static_cast<std::size_t>(count)});
}

void ClientH2::take(std::string_view bytes) {
  const bool goes_on = session_.receive(bytes, shard_.now());
  touch(nullptr);
  if (!goes_on) fail();
  const bool mid_head = session_.is_mid_head();
  if (mid_head && !mid_head_) {
    head_since_ = shard_.now();
    watch(shard_.limits().header_timeout);
  }
  mid_head_ = mid_head;
  flush_later();
}

// GOAWAY is among the bytes out, or both sides are done.
void ClientH2::fail() {
  if (state_ == State::kFailed) return;
  state_ = State::kFailed;
  if (!session_.failed()) return;
  shard_.log_refused(peer_, session_.fault());
  const std::string_view fault = session_.fault();
  if (fault == http::kRapidReset || fault == http::kMadeToBeReset) hit(Limit::kH2MaxResets);
  if (fault == http::kFloodOfEmptyFrames) hit(Limit::kH2MaxEmptyFrames);
  if (fault == http::kHeaderBomb) hit(Limit::kMaxHeadBytes);
}

// Bytes for the app are gathered per stream: those of one leave before another's are looked at.
void ClientH2::touch(ClientH2Stream* stream) {
  if (touched_ == stream) return;
  ClientH2Stream* before = std::exchange(touched_, stream);
  if (before != nullptr) before->flush_request();
}

http::H2Stream* ClientH2::new_stream() {
  ClientH2Stream& stream = shard_.h2_streams().take();
  stream.start(*this);
  streams_.push_back(stream);
  if (streams_.size() == static_cast<std::size_t>(shard_.limits().h2_max_streams)) hit(Limit::kH2MaxStreams);
  const int most = shard_.limits().max_requests_per_connection;
  if (++requests_ >= static_cast<std::uint32_t>(most) && most > 0) {
    if (requests_ == static_cast<std::uint32_t>(most)) hit(Limit::kMaxRequestsPerConnection);
    leave();
  }
  return &stream;
}

void ClientH2::on_request(http::H2Stream& stream, const http::H2Fields& fields, bool ends) {
  auto& request = static_cast<ClientH2Stream&>(stream);
  touch(&request);
  request.on_request(fields, ends);
  if (!ends) watch(shard_.limits().body_timeout);
}

void ClientH2::on_data(http::H2Stream& stream, std::string_view data) {
  auto& request = static_cast<ClientH2Stream&>(stream);
  touch(&request);
  request.on_data(data);
}

void ClientH2::on_end(http::H2Stream& stream, const http::HeaderStore* trailers) {
  auto& request = static_cast<ClientH2Stream&>(stream);
  touch(&request);
  request.on_end(trailers);
}

void ClientH2::on_closed(http::H2Stream& stream, http::H2Error) {
  static_cast<ClientH2Stream&>(stream).on_closed();
}

void ClientH2::release(ClientH2Stream& stream) {
  if (touched_ == &stream) touched_ = nullptr;
  stream.count_kept(0);
  stream.unlink();
  shard_.h2_streams().give_back(stream);
  if (!streams_.empty()) return;
  idle_since_ = shard_.now();
  watch(shard_.limits().idle_timeout);
}

void ClientH2::flush_later() {
  if (flush_due_ || state_ == State::kClosed) return;
  flush_due_ = true;
  shard_.at_turn_end(*this);
}

void ClientH2::pass_early_later() {
  early_due_ = true;
  flush_later();
}

void ClientH2::on_turn_end() {
  flush_due_ = false;
  if (state_ == State::kClosed || state_ == State::kLinger) return;
  if (early_due_) {
    early_due_ = false;
    for (ClientH2Stream* stream = streams_.front(); stream != nullptr;) {
      ClientH2Stream* after = IntrusiveList<ClientH2Stream>::next(*stream);
      stream->pass_early();
      stream = after;
    }
  }
  write_frames();
}

void ClientH2::write_frames() {
  while (wire_.all_sent()) {
    const std::string_view bytes = session_.output();
    if (bytes.empty()) break;
    const std::size_t size = bytes.size();
    std::uint64_t sent = 0;
    shard_.to_client().add(bytes);
    if (wire_.send(shard_.to_client(), sent) == SendState::kBroken) {
      drop();
      return;
    }
    session_.sent(size);
    progress_at_ = shard_.now();
  }
  count_kept(wire_.unsent() + session_.unsent());
  if (!wire_.all_sent() || waiting_ > 0) watch(shard_.limits().write_timeout);
  if (waiting_ > 0) tell_drained();
  if (wire_.all_sent() && (state_ == State::kFailed || session_.finished())) {
    start_lingering();
    return;
  }
  update_interest();
}

void ClientH2::count_kept(std::size_t now) { shard_.kept().change(std::exchange(kept_, now), now); }

void ClientH2::tell_drained() {
  for (ClientH2Stream* stream = streams_.front(); stream != nullptr;) {
    ClientH2Stream* after = IntrusiveList<ClientH2Stream>::next(*stream);
    stream->tell_drained();
    stream = after;
  }
}

void ClientH2::announce_end() {
  if (state_ != State::kOpen || will_leave_) return;
  will_leave_ = true;
  const Millis wait = spread_by(peer_);
  leave_at_ = shard_.now() + wait;
  watch(wait);
}

void ClientH2::shut_when_idle() { leave(); }

// RFC 9113 6.8: what the client sends before it has read this is still served.
void ClientH2::leave() {
  if (state_ != State::kOpen) return;
  state_ = State::kTold;
  session_.announce_shutdown();
  leave_at_ = shard_.now() + shard_.limits().linger_timeout;
  watch(shard_.limits().linger_timeout);
  flush_later();
}

void ClientH2::on_ping_ack() {
  if (state_ == State::kTold) say_last();
}

void ClientH2::say_last() {
  state_ = State::kToldLast;
  session_.shut();
  flush_later();
}

// What the client still sends is read for a while: closing with unread bytes would destroy the last answers.
void ClientH2::start_lingering() {
  while (ClientH2Stream* stream = streams_.front()) {
    stream->drop();
    release(*stream);
  }
  state_ = State::kLinger;
  wire_.shutdown_write();
  next_look_ = shard_.now() + shard_.limits().linger_timeout;
  shard_.loop().arm_at(*this, next_look_);
  update_interest();
}

void ClientH2::watch(Millis at_most) {
  const TimePoint at = shard_.now() + at_most;
  if (next_look_ <= at) return;
  next_look_ = at;
  shard_.loop().arm_at(*this, at);
}

void ClientH2::on_timer() {
  next_look_ = TimePoint::max();
  if (state_ == State::kLinger) {
    close();
    return;
  }
  const TimePoint now = shard_.now();
  TimePoint first = check_connection(now);
  if (state_ == State::kClosed) return;
  first = std::min(first, check_streams(now));
  if (first == TimePoint::max()) return;
  watch(std::max(std::chrono::duration_cast<Millis>(first - now), Millis(10)));
}

TimePoint ClientH2::check_connection(TimePoint now) {
  const Limits& limits = shard_.limits();
  TimePoint first = TimePoint::max();
  const auto is_due = [&](bool applies, TimePoint at) {
    if (applies && now < at) first = std::min(first, at);
    return applies && now >= at;
  };
  if (is_due(!wire_.all_sent(), progress_at_ + limits.write_timeout)) {
    hit(Limit::kWriteTimeout);
    drop();
    return first;
  }
  if (is_due(mid_head_, head_since_ + limits.header_timeout)) {
    hit(Limit::kHeaderTimeout);
    session_.terminate(http::H2Error::kEnhanceYourCalm);
    fail();
    flush_later();
  }
  if (is_due(state_ == State::kOpen && will_leave_, leave_at_)) leave();
  if (is_due(state_ == State::kOpen && streams_.empty(), idle_since_ + limits.idle_timeout)) {
    hit(Limit::kIdleTimeout);
    leave();
  }
  if (is_due(state_ == State::kTold, leave_at_)) say_last();
  // The client was told, has no stream, and yet stays.
  if (is_due(state_ == State::kToldLast && streams_.empty(), leave_at_ + limits.linger_timeout)) drop();
  return first;
}

TimePoint ClientH2::check_streams(TimePoint now) {
  std::vector<ClientH2Stream*> all;  // what is overdue may leave the list, and others with it
  for (ClientH2Stream* stream = streams_.front(); stream != nullptr;
       stream = IntrusiveList<ClientH2Stream>::next(*stream)) {
    all.push_back(stream);
  }
  TimePoint first = TimePoint::max();
  for (ClientH2Stream* stream : all) {
    if (stream->linked()) first = std::min(first, stream->check_time(now));
  }
  return first;
}

void ClientH2::update_interest() {
  if (state_ == State::kClosed) return;
  std::uint32_t events = wants_bytes() ? std::uint32_t{EPOLLIN} : 0U;
  if (!wire_.all_sent()) events |= EPOLLOUT;
  if (events == wanted_) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void ClientH2::hit(Limit limit) { shard_.counters().limits.count(limit); }

// GOAWAY says that nothing was left undone; whether it arrives is another matter.
bool ClientH2::drop_if_idle(TimePoint since) {
  if (!streams_.empty() || mid_head_ || !wire_.all_sent() || idle_since_ > since) return false;
  close();
  return true;
}

void ClientH2::drop() {
  while (ClientH2Stream* stream = streams_.front()) {
    stream->drop();
    release(*stream);
  }
  close();
}

void ClientH2::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  count_kept(0);
  shard_.loop().cancel(*this);
  shard_.loop().remove(wire_.fd());
  shard_.client_left(wire_);
  wire_.close();
  shard_.client_closed(*this);
}

}  // namespace sidestep::sidecar
