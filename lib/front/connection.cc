#include "lib/front/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "lib/http/h1_writer.h"

namespace sidestep::front {
namespace {

constexpr std::size_t kReadSize = 8'192;
constexpr std::size_t kTlsReadSize = TlsSession::kReadRoom + kReadSize;
constexpr Millis kConnectPause{5};  // the server's queue is full: look again
constexpr Millis kConnectFor{2'000};

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(ConnectionOwner& owner, UniqueFd client, Principal principal,
                       const TlsServerPtr& terms)
    : owner_(owner),
      client_(std::move(client)),
      principal_(std::move(principal)),
      tls_(terms ? TlsSession::accept(terms, sealed_) : nullptr),
      is_shaken_(!terms),
      intake_(owner.settings().limits) {}

Connection::~Connection() {
  end_call();
  if (client_) owner_.loop().remove(client_.get());
}

void Connection::start() {
  if (!owner_.loop().add(client_.get(), EPOLLIN | EPOLLRDHUP, this)) return leave();
  arm(owner_.settings().limits.idle_timeout);
}

void Connection::arm(Millis delay) { owner_.loop().arm(timer_, delay); }

void Connection::watch_client(std::uint32_t events) { owner_.loop().modify(client_.get(), events); }

void Connection::on_io(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && state_ != State::kWriting) return leave();
  switch (state_) {
    case State::kReading:
      return read_client();
    case State::kWriting:
      return flush();
    case State::kLingering:
      return drain_client();
    case State::kCalling:  // half-closed: it waits for its answer
    case State::kGone:
      return;
  }
}

// A few bytes to a client that waits for them: if they do not fit, the connection is no good.
bool Connection::send_small(std::string_view bytes) {
  return send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

bool Connection::shake_hands() {
  if (is_shaken_) return true;
  const TlsSession::Handshake now =
      tls_ == nullptr ? TlsSession::Handshake::kFailed : tls_->shake(client_.get());
  const bool is_sent = sealed_.sealed.empty() || send_small(sealed_.sealed);
  sealed_.sealed.clear();
  is_shaken_ = now == TlsSession::Handshake::kDone;
  if (now != TlsSession::Handshake::kFailed && is_sent) return is_shaken_;
  owner_.count("tls_failed");
  leave();
  return false;
}

ssize_t Connection::receive(char* into, std::size_t size) {
  if (tls_ == nullptr) return read(client_.get(), into, size);
  const ssize_t got = tls_->recv(client_.get(), into, size);
  const int error = errno;
  if (!sealed_.sealed.empty() && !send_small(sealed_.sealed)) return 0;
  sealed_.sealed.clear();
  errno = error;
  return got;
}

void Connection::read_client() {
  if (!shake_hands()) return;
  std::array<char, kTlsReadSize> part{};
  const ssize_t got = receive(part.data(), tls_ ? part.size() : kReadSize);
  if (got < 0 && is_transient(errno)) return;
  if (got <= 0) return leave();  // an unfinished request is nobody's
  intake_.feed({part.data(), static_cast<std::size_t>(got)});
  act_on_intake();
}

void Connection::act_on_intake() {
  const Limits& limits = owner_.settings().limits;
  const Intake::State now = intake_.state();
  if (now == Intake::State::kRefused) {
    const Refusal refusal = intake_.refusal();
    return refuse(refusal.status, refusal.text, refusal.reason);
  }
  if (now == Intake::State::kWhole) return serve();
  if (intake_.take_continue()) {
    std::string bytes(http::kContinue);
    if (!seal(bytes) || !send_small(bytes)) return leave();
  }
  if (now == timed_state_ && intake_.has_begun() == timed_begun_)
    return;  // the deadline stands, however slowly it drips
  timed_state_ = now;
  timed_begun_ = intake_.has_begun();
  arm(!timed_begun_                 ? limits.idle_timeout
      : now == Intake::State::kHead ? limits.head_timeout
                                    : limits.body_timeout);
}

void Connection::refuse(int status, std::string_view text, const std::string& reason) {
  owner_.count(reason);
  std::string bytes;
  http::OwnAnswer answer;
  answer.status = status;
  answer.text = text;
  answer.close = true;
  answer.head_only = request_.head_only();
  http::append_own_answer(bytes, answer);
  write_answer(std::move(bytes), true);
}

bool Connection::is_last() const { return !request_.keep_alive || !owner_.takes_more(); }

void Connection::serve() {
  request_ = intake_.take();
  const auto& answer_here = owner_.settings().answer_here;
  const std::optional<Reply> reply = answer_here ? answer_here(request_, principal_) : std::nullopt;
  if (reply) return write_answer(reply_for_client(*reply, request_, is_last()), is_last());
  const Limits& limits = owner_.settings().limits;
  if (!owner_.begin_call()) return refuse(503, "too many calls are under way; try again", "too_many_calls");
  state_ = State::kCalling;
  is_calling_ = true;
  watch_client(0);
  call_ = handover_request(request_, principal_, owner_.settings().door_token);
  call_sent_ = 0;
  answer_.clear();
  connect_until_ = owner_.loop().now() + kConnectFor;
  call_until_ =
      owner_.loop().now() + (principal_.is_local ? limits.local_answer_timeout : limits.answer_timeout);
  send_call();
}

void Connection::send_call() {
  if (!server_) {
    Result<UniqueFd> connected = connect_unix(owner_.settings().server_path);
    const bool again = owner_.loop().now() < connect_until_;
    if (!connected && connected.error().retry == Retry::kLater && again) return arm(kConnectPause);
    if (!connected)
      return end_call(), refuse(503, "the server behind this door does not answer", "server_down");
    server_ = *std::move(connected);
    if (!owner_.loop().add(server_.get(), EPOLLIN | EPOLLOUT, &server_side_)) {
      server_.reset();
      return end_call(), refuse(503, "out of resources; try again", "no_resources");
    }
  }
  owner_.loop().arm_at(timer_, call_until_);
}

void Connection::on_server(std::uint32_t events) {
  if (call_sent_ < call_.size() && (events & EPOLLOUT) != 0) {
    const ssize_t sent =
        send(server_.get(), call_.data() + call_sent_, call_.size() - call_sent_, MSG_NOSIGNAL);
    if (sent > 0) call_sent_ += static_cast<std::size_t>(sent);
    if (sent < 0 && !is_transient(errno)) call_sent_ = call_.size();  // an early answer may still be there
    if (call_sent_ == call_.size()) owner_.loop().modify(server_.get(), EPOLLIN);
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive_answer();
}

void Connection::receive_answer() {
  std::array<char, kReadSize> part{};
  const ssize_t got = read(server_.get(), part.data(), part.size());
  if (got < 0 && is_transient(errno)) return;
  if (got > 0) {
    answer_.append(part.data(), static_cast<std::size_t>(got));
    if (answer_.size() <= owner_.settings().limits.max_answer_bytes) return;
    end_call();
    return refuse(502, "the server's answer is too large", "answer_too_large");
  }
  finish_call();
}

void Connection::end_call() {
  if (server_) owner_.loop().remove(server_.get());
  server_.reset();
  call_.clear();
  if (is_calling_) owner_.end_call();
  is_calling_ = false;
}

void Connection::finish_call() {
  end_call();
  const bool close = is_last();
  std::optional<std::string> bytes = answer_for_client(answer_, request_, close);
  answer_.clear();
  answer_.shrink_to_fit();
  if (!bytes) return refuse(502, "the server behind this door broke off its answer", "bad_answer");
  write_answer(*std::move(bytes), close);
}

// What goes to the client in place of `bytes`. False: TLS cannot go on.
bool Connection::seal(std::string& bytes) {
  if (tls_ == nullptr) return true;
  if (!is_shaken_ || !tls_->seal(bytes) || !tls_->seal_end()) return false;
  bytes = std::exchange(sealed_.sealed, {});
  return true;
}

void Connection::write_answer(std::string bytes, bool last) {
  state_ = State::kWriting;
  is_last_ = last;
  out_ = std::move(bytes);
  out_sent_ = 0;
  if (!seal(out_)) return leave();
  flush();
}

void Connection::flush() {
  while (out_sent_ < out_.size()) {
    const ssize_t sent = send(client_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && is_transient(errno)) {
      watch_client(EPOLLOUT);
      return arm(owner_.settings().limits.write_timeout);
    }
    if (sent < 0) return leave();
    out_sent_ += static_cast<std::size_t>(sent);
  }
  answered();
}

void Connection::answered() {
  out_.clear();
  out_.shrink_to_fit();
  if (is_last_) return linger();
  state_ = State::kReading;
  request_ = Request();
  timed_state_ = Intake::State::kWhole;  // any: a new deadline is due
  watch_client(EPOLLIN | EPOLLRDHUP);
  act_on_intake();  // a pipelined request may be there already
}

void Connection::linger() {
  state_ = State::kLingering;
  if (tls_ != nullptr) {
    tls_->end();
    send_small(std::exchange(sealed_.sealed, {}));
  }
  shutdown(client_.get(), SHUT_WR);
  watch_client(EPOLLIN | EPOLLRDHUP);
  arm(owner_.settings().limits.linger_timeout);
}

void Connection::drain_client() {
  std::array<char, kReadSize> part{};
  const ssize_t got = read(client_.get(), part.data(), part.size());
  if (got > 0 || (got < 0 && is_transient(errno))) return;
  leave();
}

void Connection::on_time() {
  switch (state_) {
    case State::kReading:
      if (!intake_.has_begun()) return owner_.count("idle_timeout"), leave();
      return intake_.state() == Intake::State::kHead
                 ? refuse(408, "the head of the request came too slowly", "head_timeout")
                 : refuse(408, "the body of the request came too slowly", "body_timeout");
    case State::kCalling:
      if (owner_.loop().now() < call_until_) return send_call();  // connecting again
      end_call();
      return refuse(504, "the server behind this door did not answer in time", "answer_timeout");
    case State::kWriting:
      owner_.count("write_timeout");
      return leave();
    case State::kLingering:
    case State::kGone:
      return leave();
  }
}

void Connection::leave() {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  end_call();
  owner_.loop().cancel(timer_);
  if (client_) owner_.loop().remove(client_.get());
  client_.reset();
  owner_.leave(this);
}

}  // namespace sidestep::front
