#include "sidecar/io/app_h2.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "sidecar/io/app_pool.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

AppH2Stream& of(http::H2Stream& stream) { return static_cast<AppH2Stream&>(stream); }

void destroy_all(IntrusiveList<AppH2Stream>& streams) {
  while (AppH2Stream* stream = streams.pop_front()) std::unique_ptr<AppH2Stream>{stream};
}

}  // namespace

AppH2::AppH2(Shard& shard, AppPool& pool, Wire wire, bool connected)
    : shard_(shard),
      pool_(pool),
      wire_(std::move(wire)),
      session_(http::H2Role::kClient, shard.app_h2_limits(), *this, shard.headers()),
      idle_since_(shard.now()),
      wanted_(connected ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN | EPOLLOUT}),
      state_(connected ? State::kOpen : State::kConnecting) {
  shard_.loop().add(wire_.fd(), wanted_, this, Order::kFirst);
  if (connected) unsettle();
}

AppH2::~AppH2() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
  destroy_all(streams_);
  destroy_all(over_);
}

void AppH2::attach(Stream& stream) {
  AppH2Stream* served = std::make_unique<AppH2Stream>(*this, stream).release();  // in a list from here on
  streams_.push_back(*served);
  served->start();
}

// Before the app has said how many streams it takes, it is asked for one.
bool AppH2::has_room() const {
  if (state_ != State::kOpen || is_leaving_) return false;
  if (!knows_settings_) return streams_.empty();
  return streams_.size() < std::min(shard_.limits().app_max_streams, session_.peer_max_streams());
}

// One that serves hears of its end by itself.
bool AppH2::is_stale() { return streams_.empty() && wire_.has_ended(); }

void AppH2::want(std::uint32_t events) {
  if (events == wanted_ || state_ == State::kClosed) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void AppH2::on_io(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    on_connected(events);
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    if (wire_.send_rest(sent_) == SendState::kAll) want(EPOLLIN);
    flush_later();
  }
  if (state_ == State::kClosed) return;
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) on_readable();
}

void AppH2::on_connected(std::uint32_t events) {
  const int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? socket_error(wire_.fd()) : 0;
  if (error != 0 || (events & EPOLLOUT) == 0) {
    pool_.connect_failed();
    close();
    return;
  }
  state_ = State::kOpen;
  idle_since_ = shard_.now();
  want(EPOLLIN);
  unsettle();
  pool_.connected(*this);
  flush_later();
}

void AppH2::on_readable() {
  const ssize_t count = wire_.recv(shard_.scratch(), Shard::kRead);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (count <= 0) {
    if (!wire_.tls_failure().empty()) shard_.log_app_tls(pool_.generation(), wire_.tls_failure());
    fail(AttemptFailure::kClosed);
    return;
  }
  const bool goes_on = session_.receive({shard_.scratch(), static_cast<std::size_t>(count)}, shard_.now());
  flush_touched();
  if (state_ == State::kClosed) return;
  flush_later();
  if (goes_on) return;
  write_frames();  // the last words
  if (state_ != State::kClosed)
    fail(session_.failed() ? AttemptFailure::kBrokenAnswer : AttemptFailure::kClosed);
}

void AppH2::on_response(http::H2Stream& stream, const http::H2Fields& fields, bool ends) {
  touch(of(stream));
  of(stream).on_response(fields, ends);
  if (ends) of(stream).on_end(nullptr);
}

void AppH2::on_data(http::H2Stream& stream, std::string_view data) {
  touch(of(stream));
  of(stream).on_data(data);
}

void AppH2::on_end(http::H2Stream& stream, const http::HeaderStore* trailers) {
  touch(of(stream));
  of(stream).on_end(trailers);
}

void AppH2::on_closed(http::H2Stream& stream, http::H2Error error) {
  touch(of(stream));
  of(stream).on_closed(error);
}

void AppH2::on_goaway(std::int32_t last_id, http::H2Error) {
  is_leaving_ = true;
  last_id_ = last_id;
  room_changed_ = true;
  pool_.file(*this);  // at once: what it refuses is sent elsewhere in this very turn
}

void AppH2::on_settings() {
  knows_settings_ = true;
  room_changed_ = true;
  for (AppH2Stream* stream = streams_.front(); stream != nullptr;) {
    AppH2Stream* next = IntrusiveList<AppH2Stream>::next(*stream);
    stream->on_settings();
    stream = next;
  }
}

void AppH2::touch(AppH2Stream& stream) {
  if (touched_ != &stream) flush_touched();
  touched_ = &stream;
}

void AppH2::flush_touched() {
  if (AppH2Stream* stream = std::exchange(touched_, nullptr)) stream->flush_answer();
}

void AppH2::flush_later() {
  if (std::exchange(flush_due_, true)) return;
  shard_.at_turn_end(*this);
}

void AppH2::fail_later() {
  any_refused_ = true;
  flush_later();
}

void AppH2::release(AppH2Stream& stream) {
  stream.unlink();
  over_.push_back(stream);
  if (streams_.empty()) idle_since_ = shard_.now();
  room_changed_ = true;
  flush_later();
}

void AppH2::on_turn_end() {
  flush_due_ = false;
  if (std::exchange(any_refused_, false)) {
    for (AppH2Stream* stream = streams_.front(); stream != nullptr;) {
      AppH2Stream* next = IntrusiveList<AppH2Stream>::next(*stream);
      stream->fail_if_refused();
      stream = next;
    }
  }
  if (state_ == State::kOpen) write_frames();
  if (state_ == State::kOpen && session_.finished()) fail(AttemptFailure::kBrokenAnswer);
  if (state_ == State::kOpen) tell_drained();
  if (state_ == State::kOpen && std::exchange(room_changed_, false)) tell_pool();
  touched_ = nullptr;
  destroy_all(over_);
}

void AppH2::tell_drained() {
  if (!std::exchange(any_unsent_, false)) return;
  for (AppH2Stream* stream = streams_.front(); stream != nullptr;) {
    AppH2Stream* next = IntrusiveList<AppH2Stream>::next(*stream);
    if (stream->unsent() > 0) any_unsent_ = true;
    stream->tell_drained();
    stream = next;
  }
}

void AppH2::unsettle() {
  is_unsettled_ = true;
  pool_.unsettled();
}

void AppH2::settle() {
  if (std::exchange(is_unsettled_, false)) pool_.settled();
}

void AppH2::tell_pool() {
  if (knows_settings_) settle();  // not before what waits can be served by this connection
  if (is_leaving_ && streams_.empty())
    drop();
  else
    pool_.has_room(*this);
}

// All that may leave now, in as few calls as the kernel lets us.
void AppH2::write_frames() {
  while (wire_.all_sent()) {
    const std::string_view frames = session_.output();
    if (frames.empty()) return;
    shard_.to_app().add(frames);
    const SendState sending = wire_.send(shard_.to_app(), sent_);
    session_.sent(frames.size());
    if (sending == SendState::kSome) want(EPOLLIN | EPOLLOUT);
    if (sending == SendState::kBroken) return;  // what the app said before its end is still read
  }
}

void AppH2::drop() {
  if (state_ == State::kClosed) return;
  for (AppH2Stream* stream = streams_.front(); stream != nullptr;
       stream = IntrusiveList<AppH2Stream>::next(*stream))
    stream->forget();
  if (state_ == State::kOpen) {
    session_.shut();
    write_frames();
    wire_.say_whole();
  }
  close();
}

void AppH2::fail(AttemptFailure why) {
  if (why == AttemptFailure::kBrokenAnswer && !streams_.empty()) {
    shard_.log_bad_answer(pool_.generation(), session_.failed() ? session_.fault() : "not_http2");
  }
  close();
  while (AppH2Stream* stream = streams_.front()) stream->fail(why);
}

void AppH2::close() {
  if (state_ == State::kClosed) return;
  settle();
  state_ = State::kClosed;
  shard_.loop().remove(wire_.fd());
  wire_.close();
  pool_.gone(*this);
}

}  // namespace sidestep::sidecar
