// The answer's way to an HTTP/1 client: framing, the announced end of the connection, and what follows the
// last byte.
#include <sys/epoll.h>

#include "lib/http/forwarding.h"
#include "lib/http/h1_writer.h"
#include "sidecar/io/client_h1.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {

void ClientH1::interim(const http::ResponseHead& head) {
  if (http10_) return;
  if (head.status == 100) expects_continue_ = false;
  http::append_response_head(shard_.to_client().text(), head, {});
}

void ClientH1::head(const http::ResponseHead& head, Generation generation) {
  http::ResponseContext context;
  context.http10_client = http10_;
  context.upgrade = head.status == 101;
  answer_framing_ = head.framing;
  if (head.framing == http::Framing::kChunked || head.framing == http::Framing::kUntilClose) {
    answer_framing_ = http10_ ? http::Framing::kUntilClose : http::Framing::kChunked;
  }
  context.chunked = answer_framing_ == http::Framing::kChunked;
  // After a refused expectation nobody can know whether the body follows.
  const bool body_unclear = expects_continue_ && !body_.finished();
  const bool leaving = shard_.router().table().announce_close || shard_.is_ending();
  if (body_unclear || answer_framing_ == http::Framing::kUntilClose) close_after_ = true;
  // The end is announced on the last answer: what has arrived already is answered.
  if ((leaving || input_ended_) && !has_next()) close_after_ = true;
  context.close = close_after_ && !context.upgrade;
  if (shard_.options().policy.expose_generation) context.generation = number(generation);
  http::append_response_head(shard_.to_client().text(), head, context);
  if (context.upgrade) {
    state_ = State::kTunnel;
    answer_framing_ = http::Framing::kNone;
    if (!in_.empty()) shard_.later(*this);
  }
}

void ClientH1::body(std::string_view data) {
  OutVec& out = shard_.to_client();
  if (answer_framing_ == http::Framing::kNone) return;
  if (answer_framing_ == http::Framing::kChunked) {
    http::append_chunk_head(out.text(), data.size());
    out.add(data);
    out.add(http::kChunkEnd);
  } else {
    out.add(data);
  }
}

void ClientH1::end(std::string_view trailers) {
  if (answer_framing_ == http::Framing::kChunked) {
    std::string passed;
    if (!trailers.empty()) http::append_trailers(passed, trailers, {}, shard_.h1_limits(), shard_.headers());
    http::append_last_chunk(shard_.to_client().text(), passed);
  }
  stream_ = nullptr;
  answer_done_ = true;
}

void ClientH1::abort() {
  stream_ = nullptr;
  aborted_ = true;
}

void ClientH1::reject(const Rejection& rejection) {
  stream_ = nullptr;
  answer_done_ = true;
  // A body that is still to come is not waited for.
  if (!body_.finished() || shard_.router().table().announce_close) close_after_ = true;
  http::OwnAnswer answer;
  answer.status = rejection.status;
  answer.text = rejection.why;
  answer.close = close_after_;
  answer.head_only = head_request_;
  answer.http10_client = http10_;
  answer.retry_after = Seconds(rejection.retry_after_seconds);
  http::append_own_answer(shard_.to_client().text(), answer);
}

void ClientH1::tunnel_body(std::string_view data) { shard_.to_client().add(data); }

void ClientH1::tunnel_end() { output_ends_ = true; }

void ClientH1::tunnel_closed() {
  stream_ = nullptr;
  answer_done_ = true;
  close_after_ = true;
}

SendState ClientH1::send(std::uint64_t& sent) {
  const SendState state = wire_.send(shard_.to_client(), sent);
  count_kept();
  return state;
}

SendState ClientH1::send_rest(std::uint64_t& sent) {
  const SendState state = wire_.send_rest(sent);
  count_kept();
  return state;
}

void ClientH1::count_kept() {
  const auto now = static_cast<std::uint32_t>(wire_.unsent());
  shard_.kept().change(std::exchange(kept_, now), now);
}

bool ClientH1::flush() {
  if (state_ == State::kClosed) {
    shard_.to_client().clear();
    return false;
  }
  std::uint64_t sent = 0;
  return after_sending(send(sent));
}

bool ClientH1::takes_pipe() const {
  return answer_framing_ == http::Framing::kLength && wire_.can_splice() && shard_.to_client().empty();
}

bool ClientH1::body_from(SplicePipe& pipe) {
  std::uint64_t sent = 0;
  const SendState sending = wire_.drain(pipe, sent, shard_.scratch(), Shard::kLargeRead);
  count_kept();
  return after_sending(sending);
}

bool ClientH1::after_sending(SendState sending) {
  if (sending == SendState::kBroken) {
    drop();
    return false;
  }
  if (aborted_) {
    close_cut();
    return false;
  }
  if (sending == SendState::kSome) {
    limit_time(shard_.limits().write_timeout);
    update_interest();
  } else if (output_ends_) {
    wire_.shutdown_write();
    update_interest();
  }
  if (answer_done_) answer_ended();
  return true;
}

// An answer whose end is the end of the connection must not look whole: reset instead of FIN.
void ClientH1::close_cut() {
  if (answer_framing_ == http::Framing::kUntilClose) {
    wire_.reset_at_close();
  }
  close();
}

void ClientH1::on_writable() {
  std::uint64_t sent = 0;
  switch (send_rest(sent)) {
    case SendState::kBroken:
      drop();
      return;
    case SendState::kSome:
      limit_time(shard_.limits().write_timeout);
      break;
    case SendState::kAll:
      if (state_ == State::kLinger) {
        start_lingering();
        return;
      }
      if (output_ends_) wire_.shutdown_write();
      rest_timer();
      break;
  }
  if (stream_ != nullptr && wire_.unsent() <= shard_.kept().stream_limit() / 2) stream_->client_drained();
  if (state_ == State::kHead && !in_.empty() && may_begin()) shard_.later(*this);
  update_interest();
}

// The answer is with the kernel, or waits in wire_.
void ClientH1::answer_ended() {
  answer_done_ = false;
  if (close_after_ || (input_ended_ && in_.empty())) {
    finish_answers();
  } else if (!body_.finished()) {
    state_ = State::kDiscard;
    limit_time(shard_.limits().linger_timeout);
    if (!in_.empty()) shard_.later(*this);
    update_interest();
  } else {
    next_request();
  }
}

void ClientH1::next_request() {
  state_ = State::kHead;
  if (wire_.all_sent()) limit_idle_time();
  if (!in_.empty())
    shard_.later(*this);
  else if (!(wanted_ & EPOLLIN))
    update_interest();
}

void ClientH1::finish_answers() {
  state_ = State::kLinger;
  if (wire_.all_sent())
    start_lingering();
  else
    update_interest();
}

// What the client still sends is read and dropped for a while: closing with unread bytes would reset the
// connection and destroy the answer on its way.
void ClientH1::start_lingering() {
  const bool client_is_done = input_ended_ || (client_asked_close_ && body_.finished() && in_.empty());
  if (client_is_done) {
    wire_.say_whole();
    close();
    return;
  }
  in_.clear();
  wire_.shutdown_write();
  limit_time(shard_.limits().linger_timeout);
  update_interest();
}

}  // namespace sidestep::sidecar
