#include "sidecar/io/stream.h"

#include <algorithm>

#include "lib/base/log.h"
#include "sidecar/io/app_pool.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kKeepRequest = 8'192;  // of request_ between requests

}  // namespace

Stream::Stream(Shard& shard) : shard_(shard), deadline_(*this) {}

void Stream::reset() {
  drop_request();
  trailers_.clear();
  pool_ = nullptr;
  head_size_ = handed_ = received_ = 0;
  frames_ = http::WsFrameTracker();
  messages_ = http::GrpcFrameTracker();
  event_lines_ = http::EventTracker();
  grpc_code_ = http::kGrpcUnknown;
  grpc_ = events_ = long_ = may_end_early_ = false;
  attempts_ = interims_ = 0;
  status_ = close_code_ = 0;
  chunked_ = request_complete_ = end_handed_ = response_begun_ = upgrade_ = websocket_ = tunnel_ = false;
  client_ended_ = app_ended_ = held_ = resting_ = avoid_candidate_ = paused_client_ = paused_app_ = false;
  replayable_ = true;
  too_large_ = false;
}

void Stream::keep(std::string_view body) {
  request_ += body;
  shard_.kept().change(0, body.size());
}

void Stream::drop_request() {
  shard_.kept().change(request_.size(), 0);
  request_.clear();
  if (request_.capacity() > kKeepRequest) std::string().swap(request_);
}

void Stream::begin(ClientSide* client, const http::RequestHead& head, const http::ForwardContext& context) {
  client_ = client;
  method_ = head.method;
  const bool h2 = is_h2(shard_.options().app_protocol);
  upgrade_ = head.upgrade && (!h2 || head.websocket);
  websocket_ = head.websocket;
  grpc_ = h2 && http::is_grpc(head.headers);
  chunked_ = context.framing == http::Framing::kChunked;
  began_ = shard_.now();
  ++shard_.counters().requests;
  shard_.router().retry_budget().count_request(began_);
  (h2 ? http::append_h2_request_head : http::append_request_head)(request_, head, context);
  head_size_ = request_.size();
  shard_.kept().change(0, head_size_);
  if (context.framing == http::Framing::kLength) check_size(context.content_length);
  if (shard_.options().access_log) note_.assign(head.method_text).append(" ").append(head.target);
}

// Whether request_ goes on holding everything that was read of the request.
bool Stream::keep_for_replay(std::size_t more) {
  if (!replayable_ || response_begun_) return false;
  if (app_ == nullptr) return true;
  if (request_.size() + more <= shard_.limits().replay_bytes && !shard_.kept().is_short()) return true;
  shard_.counters().limits.count(Limit::kReplayBytes);
  flush_request();
  replayable_ = false;
  drop_request();
  handed_ = 0;
  return false;
}

void Stream::check_size(std::uint64_t bytes) {
  const std::size_t most = shard_.limits().max_body_bytes;
  if (most == 0 || bytes <= most || too_large_) return;
  too_large_ = true;
  shard_.counters().limits.count(Limit::kMaxBodyBytes);
}

void Stream::count_full() {
  const bool all = shard_.kept().is_short();
  shard_.counters().limits.count(all ? Limit::kMaxBufferedBytes : Limit::kStreamBufferBytes);
}

void Stream::pause_client() {
  count_full();
  paused_client_ = true;
  client_->pause_request(true);
}

void Stream::request_body(std::string_view data) {
  received_ += data.size();
  check_size(received_);
  if (data.empty() || too_large_) return;
  if (keep_for_replay(data.size()))
    keep(data);
  else
    app_->request_body(data);
}

void Stream::request_end(std::string_view trailers) {
  request_complete_ = true;
  if (!trailers.empty()) http::append_trailers(trailers_, trailers, {}, shard_.h1_limits(), shard_.headers());
}

void Stream::flush_request() {
  if (too_large_) return reject(Outcome::kBadRequest, {413, 0, "The body of the request is too large."});
  const std::size_t most = shard_.kept().stream_limit();
  if (app_ == nullptr) {
    if (pool_ == nullptr && !linked() && !resting_) dispatch();
    // Whatever dispatch has done, the stream may have ended: client_ says so.
    if (client_ != nullptr && app_ == nullptr && request_.size() > most) pause_client();
    return;
  }
  hand_request();
  if (app_->unsent() > most) pause_client();
}

// What the present attempt has not handed on yet.
void Stream::hand_request() {
  const std::string_view kept(request_);
  if (handed_ < head_size_ && !kept.empty()) {
    app_->request_head(kept.substr(0, head_size_));
    handed_ = head_size_;
  }
  if (handed_ < kept.size()) {
    app_->request_body(kept.substr(handed_));
    handed_ = kept.size();
  }
  if (request_complete_ && !end_handed_) {
    app_->request_end(trailers_);
    end_handed_ = true;
  }
  app_->flush_request();
}

void Stream::app_drained() {
  if (!paused_client_) return;
  paused_client_ = false;
  client_->pause_request(false);
}

void Stream::dispatch() {
  pool_ = nullptr;
  shard_.router().route(*this);
}

void Stream::attached(AppSide* app) {
  app_ = app;
  handed_ = 0;
  end_handed_ = false;
  ++attempts_;
  unhold();
  const Millis limit = shard_.limits().app_answer_timeout;
  if (limit.count() > 0)
    shard_.loop().arm(deadline_, limit);
  else
    shard_.loop().cancel(deadline_);
  flush_request();
  if (paused_client_ && app_->unsent() <= shard_.kept().stream_limit()) app_drained();
}

std::size_t Stream::waiting_bytes() const {
  return request_.size() + (client_ != nullptr ? client_->kernel_bytes() : 0);
}

std::string_view Stream::introduction() const {
  return client_ == nullptr ? std::string_view() : client_->introduction();
}

void Stream::mark_held() {
  if (held_) return;
  held_ = true;
  held_since_ = shard_.now();
  shard_.router().hold().count_in();
  ++shard_.counters().held_total;
  shard_.loop().arm(deadline_, shard_.options().policy.hold.timeout);
  if (request_complete_) return;
  paused_client_ = true;
  client_->pause_request(true);
  client_->hold_back(true);
}

void Stream::unhold() {
  if (!held_) return;
  held_ = false;
  shard_.router().hold().count_out();
  if (client_ != nullptr && !request_complete_) client_->hold_back(false);
  const auto waited =
      std::chrono::duration_cast<std::chrono::microseconds>(shard_.now() - held_since_).count();
  ShardCounters& counters = shard_.counters();
  counters.longest_hold_us = std::max(counters.longest_hold_us, static_cast<std::uint64_t>(waited));
  counters.longest_hold_reload_us =
      std::max(counters.longest_hold_reload_us, static_cast<std::uint64_t>(waited));
}

void Stream::on_deadline() {
  if (client_ == nullptr) return;
  if (resting_) {
    resting_ = false;
    dispatch();
  } else if (tunnel_) {
    cut(Outcome::kServed);  // one side had ended and the other went on for too long
  } else if (app_ == nullptr) {
    const bool tls = pool_ != nullptr && pool_->fails_tls();
    reject(Outcome::kHoldTimeout,
           {503, 1,
            tls ? "No instance of the app became ready in time: TLS to it fails; sidestep status says why."
                : "No instance of the app became ready in time."});
  } else if (!response_begun_) {
    shard_.counters().limits.count(Limit::kAppAnswerTimeout);
    const std::uint64_t handed = app_->handed();
    std::exchange(app_, nullptr)->abandon();
    failed(AttemptFailure::kTimeout, handed);
  }
}

void Stream::client_gone() {
  client_ = nullptr;
  finish(response_begun_ && tunnel_ ? Outcome::kServed : Outcome::kClientGone);
}

void Stream::reject(Outcome outcome, const Rejection& rejection) {
  if (client_ == nullptr) return;
  ClientSide* client = client_;
  if (response_begun_)
    client->abort();
  else
    client->reject(rejection);
  finish(outcome);
  client->flush();
}

void Stream::cut(Outcome outcome) {
  if (client_ == nullptr) return;
  ClientSide* client = client_;
  if (tunnel_)
    client->tunnel_closed();
  else if (response_begun_)
    client->abort();
  else
    client->reject({503, 1, "The request was cut: its time to finish is over."});
  finish(outcome);
  client->flush();
}

// The client side has been told, or is gone. After this the object may not be used in this turn.
void Stream::finish(Outcome outcome) {
  client_ = nullptr;
  unhold();
  unlink();
  shard_.loop().cancel(deadline_);
  if (app_ != nullptr) std::exchange(app_, nullptr)->abandon();
  const auto index = static_cast<std::size_t>(outcome);
  if (pool_ != nullptr) {
    GenerationCounters& counters = pool_->counters();
    ++counters.by_outcome[index];
    if (is_long_lived())
      --counters.tunnels_open;
    else if (response_begun_)
      counters.add_latency(shard_.now() - began_);
    pool_->stream_left(*this);
  } else {
    ++shard_.counters().without_generation[index];
  }
  if (shard_.options().access_log) log_access(outcome);
  shard_.streams().give_back(*this);
}

void Stream::log_access(Outcome outcome) const {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(shard_.now() - began_).count();
  log::info("request", {{"request", note_},
                        {"status", status_},
                        {"outcome", to_string(outcome)},
                        {"generation", pool_ == nullptr ? 0 : number(pool_->generation())},
                        {"attempts", attempts_},
                        {"micros", took}});
}

}  // namespace sidestep::sidecar
