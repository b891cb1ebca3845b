#include "sidecar/io/client_h1.h"

#include <arpa/inet.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kPipelinedBytes =
    16'384;                          // kept while an answer is under way; more stays in the kernel
constexpr int kHeldWindow = 16'384;  // bytes that a client may send on while its request is held
constexpr int kFreeWindow = 8 << 20;

}  // namespace

ClientH1::ClientH1(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener)
    : shard_(shard), wire_(std::move(wire)), wanted_(EPOLLIN), peer_(peer), listener_(listener) {
  if (!shard_.loop().add(wire_.fd(), wanted_, this)) close_after_ = true;
  limit_time(shard_.limits().header_timeout);
}

ClientH1::ClientH1(Shard& shard, SilentClient client)
    : shard_(shard),
      wire_(std::move(client.fd)),
      wanted_(EPOLLIN),
      peer_(client.peer),
      listener_(client.listener),
      requests_(client.requests) {
  shard_.loop().hand_over(wire_.fd(), this);
  limit_idle_time();
}

ClientH1::~ClientH1() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
}

void ClientH1::on_io(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) on_writable();
  if (state_ == State::kClosed) return;
  const bool hung_up = (events & EPOLLHUP) != 0;
  if ((events & EPOLLERR) != 0 || (hung_up && state_ != State::kTunnel)) {
    drop();
  } else if (hung_up) {
    end_of_tunnel();
  } else if ((events & EPOLLRDHUP) != 0 && body_paused_) {
    seen_end_ = true;
    is_cut() ? drop() : update_interest();
  } else if ((events & EPOLLIN) != 0) {
    on_readable();
  }
}

// Both directions have ended: ours before, the client's now, and its last bytes may still have to be read. A
// hang-up is reported whether it is wanted or not, so who may not read yet does not watch either.
void ClientH1::end_of_tunnel() {
  if (input_ended_) return drop();
  if (wants_bytes()) return on_readable();
  shard_.loop().remove(wire_.fd());
  is_watched_ = false;
}

// The client has ended before its body did, which nobody would read while the request waits.
bool ClientH1::is_cut() const { return in_.size() + wire_.kernel_bytes() < body_.remaining(); }

// Answers that the client does not take have a bound.
bool ClientH1::may_begin() const { return wire_.unsent() <= shard_.kept().stream_limit(); }

// Whether another request has arrived behind the one that is being answered.
bool ClientH1::has_next() const {
  return body_.finished() && (!in_.empty() || (!input_ended_ && wire_.kernel_bytes() > 0));
}

bool ClientH1::wants_bytes() const {
  if (input_ended_ || !may_begin()) return false;
  switch (state_) {
    case State::kHead:
    case State::kDiscard:
    case State::kLinger:
      return true;
    case State::kTunnel:
      return !body_paused_;
    case State::kRequest:
      return !body_paused_ && !body_.finished();
    case State::kClosed:
      return false;
  }
  return false;
}

void ClientH1::on_readable() {
  if (!wants_bytes() && (input_ended_ || in_.size() >= kPipelinedBytes || body_paused_)) {
    update_interest();  // level-triggered: asked again once the bytes are wanted
    return;
  }
  const bool large = state_ == State::kRequest && body_.remaining() > Shard::kLargeRead;
  const ssize_t count =
      wire_.recv(shard_.scratch(), shard_.kept().read_size(wire_, large ? Shard::kLargeRead : Shard::kRead));
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (count < 0) {
    drop();
    return;
  }
  if (count == 0) {
    on_end_of_input();
    return;
  }
  const std::string_view bytes(shard_.scratch(), static_cast<std::size_t>(count));
  if (in_.empty()) {
    in_.append(bytes.substr(take(bytes)));
  } else {
    in_.append(bytes);
    resume();
  }
}

// Goes on with bytes that were read before.
void ClientH1::resume() {
  resuming_ = false;
  if (state_ == State::kClosed) return;
  if (!in_.empty()) {
    Buffer waiting = std::move(in_);
    const std::size_t taken = take(waiting.view());
    if (state_ == State::kClosed) return;
    waiting.consume(taken);
    in_ = std::move(waiting);
  }
  if (input_ended_) end_after_what_was_sent();
  update_interest();
}

std::size_t ClientH1::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    std::size_t step = 0;
    switch (state_) {
      case State::kHead:
        step = may_begin() ? take_head(rest) : 0;
        break;
      case State::kRequest:
      case State::kDiscard:
        step = take_body(rest);
        break;
      case State::kTunnel:
        if (!body_paused_ && stream_ != nullptr) {
          stream_->tunnel_from_client(rest);
          step = rest.size();
        }
        break;
      case State::kLinger:
        step = rest.size();
        break;
      case State::kClosed:
        return bytes.size();
    }
    if (step == 0) break;
    taken += step;
  }
  if (state_ == State::kRequest && stream_ != nullptr) stream_->flush_request();
  return state_ == State::kClosed ? bytes.size() : taken;
}

// A client that knows beforehand that we speak HTTP/2 (RFC 9113 3.3) says so with its first bytes.
bool ClientH1::speaks_h2(std::string_view bytes) const {
  return requests_ == 0 && http::kH2Preface.starts_with(bytes.substr(0, http::kH2Preface.size()));
}

std::size_t ClientH1::take_preface(std::string_view bytes) {
  if (bytes.size() < http::kH2Preface.size()) {
    limit_time_once(shard_.limits().header_timeout);
    return 0;
  }
  Wire wire = std::exchange(wire_, Wire());
  state_ = State::kClosed;
  shard_.loop().cancel(*this);
  shard_.loop().remove(wire.fd());
  shard_.client_closed(*this);
  shard_.serve_h2(std::move(wire), peer_, listener_, bytes);
  return bytes.size();
}

std::size_t ClientH1::take_head(std::string_view bytes) {
  if (speaks_h2(bytes)) return take_preface(bytes);
  if (!scanner_.worth_parsing(bytes, shard_.h1_limits())) return 0;
  http::RequestHead head;
  const http::HeadResult result =
      http::parse_request_head(bytes, shard_.h1_limits(), &head, shard_.headers());
  if (result.state == http::HeadResult::kNeedMore) {
    limit_time_once(shard_.limits().header_timeout);
    return 0;
  }
  scanner_.reset();
  is_head_timed_ = false;
  if (result.state == http::HeadResult::kBad) {
    refuse(result);
    return bytes.size();
  }
  start_stream(head);
  return result.consumed;
}

std::size_t ClientH1::take_body(std::string_view bytes) {
  if (body_.finished() || (body_paused_ && state_ == State::kRequest)) return 0;
  const http::BodyStep step = body_.next(bytes, shard_.h1_limits());
  if (step.bad != http::BadReason::kNone) {
    refuse({http::HeadResult::kBad, 0, step.bad, http::status_of(step.bad)});
    return bytes.size();
  }
  if (state_ == State::kDiscard) {
    if (step.finished) next_request();
    return step.consumed;
  }
  if (!step.data.empty()) stream_->request_body(step.data);
  if (step.finished) stream_->request_end(step.trailers);
  if (!step.finished)
    limit_time(shard_.limits().body_timeout);
  else
    shard_.loop().cancel(*this);
  return step.consumed;
}

void ClientH1::start_stream(const http::RequestHead& head) {
  std::array<char, INET6_ADDRSTRLEN> ip;
  const http::ForwardContext context = shard_.forward_context(wire_, peer_, listener_, head, ip);

  state_ = State::kRequest;
  ++requests_;
  const int most = shard_.limits().max_requests_per_connection;
  http10_ = head.minor_version == 0;
  client_asked_close_ = !head.keep_alive;
  close_after_ = !head.keep_alive || (most > 0 && requests_ >= static_cast<std::uint32_t>(most));
  if (most > 0 && requests_ == static_cast<std::uint32_t>(most)) hit(Limit::kMaxRequestsPerConnection);
  if (shard_.sheds(MemoryPressure::kConnections)) close_after_ = true;
  head_request_ = head.method == http::Method::kHead;
  expects_continue_ = head.expect_continue;
  answer_done_ = false;
  body_paused_ = false;
  answer_framing_ = http::Framing::kNone;
  body_.start(head.framing, head.content_length);
  stream_ = &shard_.streams().take();
  stream_->begin(this, head, context);
  if (body_.finished()) {
    stream_->request_end({});
    shard_.loop().cancel(*this);
  } else {
    limit_time(shard_.limits().body_timeout);
  }
}

// What the client sent cannot be trusted from here on: one answer, then the end.
void ClientH1::refuse(const http::HeadResult& result) {
  shard_.log_refused(peer_, http::to_string(result.reason));
  shard_.count_limit(result.reason);
  close_after_ = true;
  if (stream_ != nullptr) {
    stream_->reject(Outcome::kBadRequest, {result.status, 0, http::to_string(result.reason)});
    return;
  }
  ++shard_.counters().without_generation[static_cast<std::size_t>(Outcome::kBadRequest)];
  ++shard_.counters().requests;
  head_request_ = http10_ = false;
  reject({result.status, 0, http::to_string(result.reason)});
  flush();
}

// A half-close is no cancel: what was asked before it is answered.
void ClientH1::on_end_of_input() {
  input_ended_ = true;
  client_asked_close_ = true;
  switch (state_) {
    case State::kHead:
    case State::kRequest:
      end_after_what_was_sent();
      break;
    case State::kLinger:
      if (wire_.all_sent()) close();
      break;
    case State::kDiscard:
      finish_answers();
      break;
    case State::kTunnel:
      if (stream_ != nullptr) stream_->tunnel_client_end();
      break;
    case State::kClosed:
      break;
  }
  update_interest();
}

// The client sends no more. Nothing is left to do for a connection without a request, and a request whose
// body has not arrived was cut: it must not look whole to the app.
void ClientH1::end_after_what_was_sent() {
  const bool waits_for_its_turn = is_resuming() || (!in_.empty() && !may_begin());
  if (state_ == State::kHead && !waits_for_its_turn)
    finish_answers();
  else if (state_ == State::kRequest && !body_.finished() && !body_paused_ && !is_resuming())
    drop();
}

void ClientH1::pause_request(bool paused) {
  if (body_paused_ == paused) return;
  body_paused_ = paused;
  if (paused && state_ == State::kRequest) shard_.loop().cancel(*this);
  if (!paused) shard_.later(*this);
}

// The receive window is clamped, so that a held upload does not fill the kernel's memory; afterwards it may
// grow again.
void ClientH1::hold_back(bool held) {
  if (body_.finished()) return;
  wire_.clamp_window(held ? kHeldWindow : kFreeWindow);
}

std::size_t ClientH1::kernel_bytes() const { return in_.size() + wire_.kernel_bytes(); }

void ClientH1::update_interest() {
  if (state_ == State::kClosed) return;
  std::uint32_t events = wants_bytes() ? std::uint32_t{EPOLLIN} : 0U;
  if (!wire_.all_sent()) events |= EPOLLOUT;
  if (state_ == State::kRequest && body_paused_ && !body_.finished() && !seen_end_) events |= EPOLLRDHUP;
  if (!is_watched_ && wants_bytes()) {
    is_watched_ = shard_.loop().add(wire_.fd(), events, this);
    wanted_ = events;
  }
  if (events == wanted_) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void ClientH1::shut_when_idle() {
  close_after_ = true;
  if (is_idle() && wire_.all_sent()) close();
}

// The client is gone, or has to go: nothing more can be said to it.
void ClientH1::drop() {
  if (Stream* stream = std::exchange(stream_, nullptr)) stream->client_gone();
  close();
}

void ClientH1::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kHead) wire_.say_whole();
  state_ = State::kClosed;
  shard_.loop().cancel(*this);
  shard_.loop().remove(wire_.fd());
  shard_.client_left(wire_);
  wire_.close();
  count_kept();
  in_.clear();
  shard_.client_closed(*this);
}

}  // namespace sidestep::sidecar
