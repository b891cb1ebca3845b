#include "sidecar/io/app_conn.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "lib/http/h1_writer.h"
#include "sidecar/io/app_pool.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {

AppConn::AppConn(Shard& shard, AppPool& pool, Wire wire, bool connected)
    : shard_(shard),
      pool_(pool),
      wire_(std::move(wire)),
      idle_since_(shard.now()),
      state_(connected ? State::kIdle : State::kConnecting),
      introduction_due_(shard.options().app_proxy_protocol != AppProxyProtocol::kOff) {
  wanted_ = connected ? EPOLLIN : EPOLLIN | EPOLLOUT;
  // First: what an idle connection has to say is heard before a request of the same turn could take it.
  if (!shard_.loop().add(wire_.fd(), wanted_, this, Order::kFirst)) write_broken_ = true;
}

AppConn::~AppConn() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
}

void AppConn::attach(Stream& stream) {
  stream_ = &stream;
  state_ = State::kBusy;
  handed_ = 0;
  in_body_ = false;
  scanner_.reset();
  stream.attached(this);
}

void AppConn::abandon() {
  if (stream_ != nullptr) shard_.to_app().clear();  // of its request, not yet flushed
  stream_ = nullptr;
  if (state_ != State::kClosed) close();
}

void AppConn::want(std::uint32_t events) {
  if (events == wanted_ || state_ == State::kClosed) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void AppConn::request_head(std::string_view head) {
  if (introduction_due_) introduce();
  shard_.to_app().add(head);
}

// The PROXY header leaves with the first head, in the same call.
void AppConn::introduce() {
  introduction_due_ = false;
  wire_.introduce(std::string(stream_->introduction()));
  shard_.to_app().add(wire_.introduction());
}

void AppConn::request_body(std::string_view data) {
  OutVec& out = shard_.to_app();
  if (!stream_->is_chunked()) {
    out.add(data);
    return;
  }
  http::append_chunk_head(out.text(), data.size());
  out.add(data);
  out.add(http::kChunkEnd);
}

void AppConn::request_end(std::string_view trailers) {
  if (stream_->is_chunked()) http::append_last_chunk(shard_.to_app().text(), trailers);
}

void AppConn::flush_request() {
  OutVec& pieces = shard_.to_app();
  if (write_broken_ || state_ == State::kClosed) {
    pieces.clear();
    return;
  }
  const SendState state = wire_.send(pieces, handed_);
  count_kept();
  write_broken_ = state == SendState::kBroken;
  if (state == SendState::kSome) want(wanted_ | EPOLLOUT);
}

void AppConn::shutdown_write() {
  if (wire_.all_sent())
    end_writing();
  else
    end_after_write_ = true;
}

// TLS may have a last word that the app does not take yet.
void AppConn::end_writing() {
  end_after_write_ = false;
  wire_.shutdown_write();
  count_kept();
  if (!wire_.all_sent()) want(wanted_ | EPOLLOUT);
}

void AppConn::pause_reading(bool paused) {
  reading_paused_ = paused;
  want(paused ? wanted_ & ~static_cast<std::uint32_t>(EPOLLIN) : wanted_ | EPOLLIN);
}

void AppConn::on_io(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    on_connected(events);
    return;
  }
  if ((events & EPOLLOUT) != 0) on_writable();
  if (state_ == State::kClosed) return;
  // A hang-up with reading paused: what the app sent before is still read once reading goes on.
  const bool hung_up = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if ((events & EPOLLIN) != 0 || hung_up) on_readable();
}

void AppConn::on_connected(std::uint32_t events) {
  const int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? socket_error(wire_.fd()) : 0;
  if (error != 0 || (events & EPOLLOUT) == 0) {
    pool_.connect_failed();
    close();
    return;
  }
  state_ = State::kIdle;
  want(EPOLLIN);
  pool_.connected(*this);
}

SendState AppConn::send_rest() {
  const SendState state = wire_.send_rest(handed_);
  if (state == SendState::kBroken) wire_.drop_unsent();
  count_kept();
  return state;
}

void AppConn::count_kept() { shard_.kept().change(std::exchange(kept_, wire_.unsent()), wire_.unsent()); }

void AppConn::on_writable() {
  switch (send_rest()) {
    case SendState::kBroken:
      write_broken_ = true;
      want(wanted_ & ~static_cast<std::uint32_t>(EPOLLOUT));
      return;
    case SendState::kSome:
      break;
    case SendState::kAll:
      want(wanted_ & ~static_cast<std::uint32_t>(EPOLLOUT));
      if (end_after_write_) end_writing();
      break;
  }
  if (stream_ != nullptr && wire_.unsent() <= shard_.kept().stream_limit() / 2) stream_->app_drained();
}

// A large body of known length passes from socket to socket. False: it is to be read.
bool AppConn::pass_body() {
  SplicePipe& pipe = shard_.pipe();
  if (!wire_.can_splice() || shard_.kept().is_short() || !stream_->takes_pipe() || !pipe.open()) return false;
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(body_.plain_remaining(), 1U << 30));
  const ssize_t count = wire_.fill(pipe, most);
  if (count < 0 && !pipe.open()) return false;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) {
    on_end_of_input(count < 0 ? errno : 0);
    return true;
  }
  body_.skip(static_cast<std::uint64_t>(count));
  if (stream_->pass(pipe, body_.finished()) && body_.finished()) answer_ended({}, false);
  return true;
}

void AppConn::on_readable() {
  if (in_body_ && body_.plain_remaining() >= Shard::kSplicedFrom && pass_body()) return;
  const bool large = in_body_ && body_.remaining() > Shard::kLargeRead;
  const ssize_t count =
      wire_.recv(shard_.scratch(), shard_.kept().read_size(wire_, large ? Shard::kLargeRead : Shard::kRead));
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (count <= 0) {
    on_end_of_input(count < 0 ? errno : 0);
    return;
  }
  const std::string_view bytes(shard_.scratch(), static_cast<std::size_t>(count));
  if (state_ == State::kIdle) {
    close();  // nobody asked: what the app says here belongs to no request
    return;
  }
  if (in_.empty()) {
    read_answer(bytes);
    return;
  }
  in_.append(bytes);
  const Buffer whole = std::move(in_);
  read_answer(whole.view());
}

// Goes through what was read; the beginning of a head that is not whole yet is kept.
void AppConn::read_answer(std::string_view bytes) {
  while (state_ == State::kBusy && !bytes.empty()) {
    const bool goes_on = in_body_ ? read_body(bytes) : read_head(bytes);
    if (!goes_on) break;
  }
  if (state_ == State::kTunnel && !bytes.empty()) stream_->body(bytes);
  if (stream_ != nullptr) stream_->flush();
}

bool AppConn::read_head(std::string_view& bytes) {
  if (!scanner_.worth_parsing(bytes, shard_.h1_limits())) {
    in_.append(bytes);
    return false;
  }
  http::ResponseHead head;
  const http::HeadResult result =
      http::parse_response_head(bytes, stream_->method(), shard_.h1_limits(), &head, shard_.headers());
  if (result.state == http::HeadResult::kNeedMore) {
    in_.append(bytes);
    return false;
  }
  if (result.state == http::HeadResult::kBad) {
    shard_.log_bad_answer(pool_.generation(), http::to_string(result.reason));
    shard_.count_limit(result.reason);
    fail(AttemptFailure::kBrokenAnswer);
    return false;
  }
  scanner_.reset();
  if (http::is_interim(head.status)) {
    stream_->interim(head);
    bytes.remove_prefix(result.consumed);
    return true;
  }
  if (!stream_->head(head)) {
    shard_.log_bad_answer(pool_.generation(), "unasked_switch");
    fail(AttemptFailure::kBrokenAnswer);
    return false;
  }
  bytes.remove_prefix(result.consumed);
  if (head.status == 101) {
    state_ = State::kTunnel;
    return false;
  }
  keep_alive_ = head.keep_alive;
  body_.start(head.framing, head.content_length);
  in_body_ = true;
  if (body_.finished()) return answer_ended({}, !bytes.empty());
  return true;
}

bool AppConn::read_body(std::string_view& bytes) {
  const http::BodyStep step = body_.next(bytes, shard_.h1_limits());
  if (!step.data.empty()) stream_->body(step.data);
  bytes.remove_prefix(step.consumed);
  if (step.bad != http::BadReason::kNone) {
    shard_.log_bad_answer(pool_.generation(), http::to_string(step.bad));
    shard_.count_limit(step.bad);
    stream_->flush();
    fail(AttemptFailure::kBrokenAnswer);
    return false;
  }
  if (step.finished) return answer_ended(step.trailers, !bytes.empty());
  if (step.consumed == 0) {
    in_.append(bytes);
    return false;
  }
  return true;
}

// The answer is whole. The connection serves again unless one of the two sides has left it in an unclear
// state.
bool AppConn::answer_ended(std::string_view trailers, bool extra_bytes) {
  Stream* stream = std::exchange(stream_, nullptr);
  const bool reusable = keep_alive_ && !extra_bytes && stream->request_complete() && wire_.all_sent() &&
                        !write_broken_ && !reading_paused_;
  in_body_ = false;
  stream->end(trailers);
  if (state_ == State::kClosed) return false;
  if (!reusable) {
    close();
    return false;
  }
  state_ = State::kIdle;
  idle_since_ = shard_.now();
  pool_.has_room(*this);
  return false;
}

void AppConn::on_end_of_input(int error) {
  if (!wire_.tls_failure().empty()) shard_.log_app_tls(pool_.generation(), wire_.tls_failure());
  if (state_ == State::kTunnel && stream_ != nullptr && error == 0) {
    want(wanted_ & ~static_cast<std::uint32_t>(EPOLLIN));
    stream_->tunnel_app_end();
    return;
  }
  if (state_ == State::kBusy && error == 0 && in_body_ && body_.complete_at_eof()) {
    keep_alive_ = false;
    answer_ended({}, false);
    return;
  }
  if (stream_ == nullptr)
    close();
  else
    fail(AttemptFailure::kClosed);
}

void AppConn::fail(AttemptFailure why) {
  Stream* stream = std::exchange(stream_, nullptr);
  const std::uint64_t handed = handed_;
  close();
  stream->failed(why, handed);
}

void AppConn::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kIdle) wire_.say_whole();
  state_ = State::kClosed;
  shard_.loop().remove(wire_.fd());
  wire_.close();
  count_kept();
  in_.clear();
  pool_.gone(*this);
}

}  // namespace sidestep::sidecar
