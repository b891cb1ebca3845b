#include "sidecar/io/client_h2_stream.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "lib/http/grpc.h"
#include "lib/http/h2_message.h"
#include "sidecar/io/client_h2.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

// Sec-WebSocket-Key of an app that speaks HTTP/1: 16 random bytes in base64 (RFC 6455 4.1).
std::string websocket_key() {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::random_device random;
  std::string key;
  for (int i = 0; i < 21; ++i) key += kDigits[random() % kDigits.size()];
  key += "AQgw"[random() % 4];  // two bits
  return key + "==";
}

}  // namespace

void ClientH2Stream::start(ClientH2& conn) {
  conn_ = &conn;
  body_since_ = conn.shard().now();
}

void ClientH2Stream::on_request(const http::H2Fields& fields, bool is_whole) {
  Shard& shard = conn_->shard();
  head_request_ = fields.method == "HEAD";
  grpc_ = http::is_grpc(*fields.headers);
  http::RequestHead head;
  std::string joined;
  const std::string key = fields.protocol.empty() ? std::string() : websocket_key();
  const http::BadReason bad = http::request_of(fields, is_whole, shard.h1_limits(), key, joined, &head);
  if (bad != http::BadReason::kNone) {
    refuse(bad);
    return;
  }
  std::array<char, INET6_ADDRSTRLEN> ip;
  const http::ForwardContext context =
      shard.forward_context(conn_->wire(), conn_->peer(), conn_->listener(), head, ip);
  stream_ = &shard.streams().take();
  stream_->begin(this, head, context);
  upgrade_ = head.upgrade;
  if (is_whole || upgrade_) stream_->request_end({});
}

// The answer is ours; the rest of the request is not waited for.
void ClientH2Stream::refuse(http::BadReason reason) {
  Shard& shard = conn_->shard();
  shard.log_refused(conn_->peer(), http::to_string(reason));
  shard.count_limit(reason);
  ++shard.counters().without_generation[static_cast<std::size_t>(Outcome::kBadRequest)];
  ++shard.counters().requests;
  reject({http::status_of(reason), 0, http::to_string(reason)});
  flush();
}

void ClientH2Stream::on_data(std::string_view data) {
  body_since_ = conn_->shard().now();
  if (stream_ == nullptr) {
    conn_->session().consume(*this, data.size());
    return;
  }
  unopened_ += data.size();
  if (upgrade_ && !tunnel_) {
    early_ += data;
    return;
  }
  if (tunnel_)
    stream_->tunnel_from_client(data);
  else
    stream_->request_body(data);
  if (!paused_) conn_->session().consume(*this, std::exchange(unopened_, 0));
}

void ClientH2Stream::on_end(const http::HeaderStore* with) {
  if (stream_ == nullptr) return;
  if (tunnel_) {
    stream_->tunnel_client_end();
    return;
  }
  early_end_ = upgrade_;
  if (upgrade_) return;
  std::string lines;
  if (with != nullptr) http::append_trailer_lines(lines, *with);
  stream_->request_end(lines);
}

void ClientH2Stream::flush_request() {
  if (stream_ != nullptr && !tunnel_) stream_->flush_request();
}

void ClientH2Stream::pass_early() {
  if (!tunnel_ || stream_ == nullptr) return;
  if (!early_.empty()) stream_->tunnel_from_client(std::exchange(early_, {}));
  if (!paused_) conn_->session().consume(*this, std::exchange(unopened_, 0));
  if (early_end_) stream_->tunnel_client_end();
  early_end_ = false;
}

void ClientH2Stream::on_closed() {
  drop();
  let_go();
}

void ClientH2Stream::drop() {
  if (Stream* stream = std::exchange(stream_, nullptr)) stream->client_gone();
}

// Nobody refers to it any more.
void ClientH2Stream::let_go() {
  if (waits_) conn_->stream_waits(false);
  conn_->release(*this);
}

void ClientH2Stream::interim(const http::ResponseHead& head) {
  http::H2AnswerFields& fields = conn_->shard().h2_fields();
  http::list_answer_fields(head, {}, fields);
  conn_->session().interim(*this, head.status, fields.list);
}

void ClientH2Stream::head(const http::ResponseHead& head, Generation generation) {
  Shard& shard = conn_->shard();
  http::ResponseContext context;
  context.upgrade = tunnel_ = head.status == 101;
  context.chunked = head.framing == http::Framing::kChunked;  // trailers may follow
  if (shard.options().policy.expose_generation) context.generation = number(generation);
  http::H2AnswerFields& fields = shard.h2_fields();
  http::list_answer_fields(head, context, fields);
  if (tunnel_ && (early_end_ || !early_.empty())) conn_->pass_early_later();
  const bool is_whole = !tunnel_ && (head.framing == http::Framing::kNone ||
                                     (head.framing == http::Framing::kLength && head.content_length == 0));
  if (is_whole) stop_peer_at_end = true;
  conn_->session().respond(*this, tunnel_ ? 200 : head.status, fields.list, is_whole);
}

void ClientH2Stream::body(std::string_view data) { conn_->session().write(*this, data); }

void ClientH2Stream::end(std::string_view lines) {
  stream_ = nullptr;
  stop_peer_at_end = true;
  Shard& shard = conn_->shard();
  http::select_trailers(shard.headers(), lines, {}, shard.h1_limits());
  conn_->session().end(*this, shard.headers());
}

void ClientH2Stream::abort() {
  stream_ = nullptr;
  conn_->session().reset(*this, http::H2Error::kInternal);
}

void ClientH2Stream::reject(const Rejection& rejection) {
  stream_ = nullptr;
  stop_peer_at_end = true;
  http::H2AnswerFields& fields = conn_->shard().h2_fields();
  if (grpc_) {
    http::list_own_grpc_fields(rejection.status, rejection.why, fields);
    conn_->session().respond(*this, 200, fields.list, true);
    conn_->session().flush(*this);
    return;
  }
  const std::string text = std::string(rejection.why) + "\n";
  http::list_own_answer_fields(text.size(), rejection.retry_after_seconds, fields);
  conn_->session().respond(*this, rejection.status, fields.list, head_request_);
  conn_->session().write(*this, text);
  conn_->session().end(*this, {});
  conn_->session().flush(*this);
}

void ClientH2Stream::tunnel_end() { conn_->session().end(*this, {}); }

void ClientH2Stream::tunnel_closed() {
  stream_ = nullptr;
  stop_peer_at_end = true;
  conn_->session().end(*this, {});
}

bool ClientH2Stream::flush() {
  const bool was_told = stream_ == nullptr;
  conn_->session().flush(*this);
  conn_->flush_later();
  if (open) note_waiting();
  return was_told || stream_ != nullptr;
}

void ClientH2Stream::count_kept(std::size_t now) {
  conn_->shard().kept().change(std::exchange(kept_, now), now);
}

void ClientH2Stream::note_waiting() {
  count_kept(H2Stream::kept());
  const bool waits = H2Stream::unsent() > 0;
  if (waits == waits_) return;
  waits_ = waits;
  unsent_since_ = conn_->shard().now();
  conn_->stream_waits(waits);
}

std::string_view ClientH2Stream::introduction() const { return conn_->wire().introduction(); }

std::size_t ClientH2Stream::unsent() const { return H2Stream::unsent() * conn_->crowd(); }

void ClientH2Stream::tell_drained() {
  if (!waits_) return;
  note_waiting();
  if (stream_ != nullptr && unsent() <= conn_->shard().limits().stream_buffer_bytes / 2) {
    stream_->client_drained();
  }
}

void ClientH2Stream::pause_request(bool paused) {
  paused_ = paused;
  if (paused) return;
  body_since_ = conn_->shard().now();
  if (unopened_ == 0) return;
  conn_->session().consume(*this, std::exchange(unopened_, 0));
  conn_->flush_later();
}

TimePoint ClientH2Stream::check_time(TimePoint now) {
  const Limits& limits = conn_->shard().limits();
  TimePoint next = TimePoint::max();
  if (waits_) {
    if (H2Stream::unsent() != unsent_seen_) unsent_since_ = now;
    unsent_seen_ = H2Stream::unsent();
    if (now >= unsent_since_ + limits.write_timeout) {
      conn_->shard().counters().limits.count(Limit::kWriteTimeout);
      conn_->session().reset(*this, http::H2Error::kCancel);
      drop();
      conn_->flush_later();
      return next;
    }
    next = unsent_since_ + limits.write_timeout;
  }
  const bool body_due = stream_ != nullptr && !remote_ended && !paused_ && !tunnel_;
  if (!body_due) return next;
  if (now < body_since_ + limits.body_timeout) return std::min(next, body_since_ + limits.body_timeout);
  conn_->shard().counters().limits.count(Limit::kBodyTimeout);
  stream_->reject(Outcome::kBadRequest, {408, 0, "The body of the request did not arrive in time."});
  return next;
}

ClientH2Stream& ClientH2Streams::take() {
  if (free_.empty()) return *std::make_unique<ClientH2Stream>().release();
  ClientH2Stream* stream = free_.back().release();
  free_.pop_back();
  return *stream;
}

void ClientH2Streams::end_turn() {
  for (auto& stream : resting_) {
    if (free_.size() >= kMostFree) break;
    *stream = ClientH2Stream();
    free_.push_back(std::move(stream));
  }
  resting_.clear();
}

}  // namespace sidestep::sidecar
