// The answer's way through a stream: heads, bodies, failures and tunnels.
#include "sidecar/io/app_pool.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/shard.h"
#include "sidecar/io/stream.h"

namespace sidestep::sidecar {
namespace {

constexpr int kMostInterims = 64;

}  // namespace

void Stream::interim(const http::ResponseHead& head) {
  if (++interims_ <= kMostInterims) client_->interim(head);
}

bool Stream::head(const http::ResponseHead& head) {
  const bool tunnel_begins = head.status == 101;
  if (tunnel_begins && !(upgrade_ && head.upgrade)) return false;
  if (interims_ > kMostInterims) return false;
  response_begun_ = true;
  status_ = static_cast<std::uint16_t>(head.status);
  shard_.loop().cancel(deadline_);
  GenerationCounters& counters = pool_->counters();
  ++counters.by_code_class[static_cast<std::size_t>(head.status / 100 <= 5 ? head.status / 100 : 0)];
  if (handed_ == request_.size()) {
    request_.clear();
    handed_ = 0;
  }
  client_->head(head, pool_->generation());
  if (tunnel_begins) {
    tunnel_ = true;
    ++counters.tunnels_open;
  }
  return true;
}

void Stream::body(std::string_view data) {
  if (!tunnel_) {
    client_->body(data);
    return;
  }
  if (!websocket_) {
    client_->tunnel_body(data);
    return;
  }
  const std::size_t boundary = frames_.feed(data);
  if (close_code_ == 0) {
    client_->tunnel_body(data);
  } else if (boundary > 0) {
    client_->tunnel_body(data.substr(0, boundary));
    end_told();
  } else {
    client_->tunnel_body(data);
  }
}

bool Stream::flush() {
  if (client_ == nullptr) return false;
  if (!client_->flush()) return false;
  if (client_ == nullptr) return false;
  if (app_ != nullptr && client_->unsent() > shard_.limits().stream_buffer_bytes) {
    paused_app_ = true;
    app_->pause_reading(true);
  }
  return true;
}

void Stream::client_drained() {
  if (!paused_app_) return;
  paused_app_ = false;
  if (app_ != nullptr) app_->pause_reading(false);
}

void Stream::end(std::string_view trailers) {
  ClientSide* client = client_;
  app_ = nullptr;  // the connection sees to itself
  client->end(trailers);
  finish(Outcome::kServed);
  client->flush();
}

void Stream::failed(AttemptFailure why, std::uint64_t handed) {
  app_ = nullptr;
  if (client_ == nullptr) return;
  if (tunnel_) {
    tunnel_app_end();
    return;
  }
  const FailedAttempt attempt{why, idempotent(), handed, response_begun_, replayable_, attempts_};
  switch (judge_retry(attempt, shard_.router().retry_budget(), shard_.now())) {
    case RetryVerdict::kHold:
      if (why == AttemptFailure::kRefusedStream) {
        reject(Outcome::kAppReset, {503, 1, "The app takes no further request."});
        return;
      }
      [[fallthrough]];
    case RetryVerdict::kAgain: {
      ++shard_.counters().retried;
      ++pool_->counters().retried_away;
      if (shard_.router().is_candidate(pool_->generation())) avoid_candidate_ = true;
      pool_->stream_left(*this);
      handed_ = 0;
      interims_ = 0;
      dispatch();
      return;
    }
    case RetryVerdict::kAmbiguous:
      reject(Outcome::kAmbiguous, {502, 0, "The app closed the connection before it answered."});
      return;
    case RetryVerdict::kFail:
      give_up(why);
      return;
  }
}

void Stream::app_refused(const Rejection& rejection) {
  app_ = nullptr;
  reject(Outcome::kRefused, rejection);
}

void Stream::give_up(AttemptFailure why) {
  switch (why) {
    case AttemptFailure::kTimeout:
      reject(Outcome::kAppTimeout, {504, 0, "The app did not answer in time."});
      return;
    case AttemptFailure::kBrokenAnswer:
      reject(response_begun_ ? Outcome::kAppReset : Outcome::kBadResponse,
             {502, 0, "The app's answer is not valid HTTP."});
      return;
    case AttemptFailure::kConnectFailed:
    case AttemptFailure::kRefusedStream:
    case AttemptFailure::kClosed:
      reject(Outcome::kAppReset, {502, 0, "The app ended the connection before it answered."});
      return;
  }
}

void Stream::tunnel_from_client(std::string_view data) {
  if (app_ == nullptr) return;
  app_->request_body(data);
  app_->flush_request();
  if (app_->unsent() > shard_.limits().stream_buffer_bytes) {
    paused_client_ = true;
    client_->pause_request(true);
  }
}

void Stream::tunnel_client_end() {
  client_ended_ = true;
  if (app_ended_ || app_ == nullptr) {
    cut(Outcome::kServed);
    return;
  }
  app_->shutdown_write();
  shard_.loop().arm(deadline_, shard_.limits().body_timeout);
}

void Stream::tunnel_app_end() {
  app_ended_ = true;
  if (client_ended_ || app_ == nullptr || websocket_) {
    cut(Outcome::kServed);
    return;
  }
  ClientSide* client = client_;
  client->tunnel_end();
  shard_.loop().arm(deadline_, shard_.limits().body_timeout);
  client->flush();
}

void Stream::close_tunnel(int code) {
  if (client_ == nullptr || !tunnel_) return;
  close_code_ = static_cast<std::uint16_t>(code);
  if (websocket_ && frames_.at_boundary()) end_told();
}

void Stream::cut_tunnel() {
  if (websocket_ && frames_.at_boundary()) {
    if (close_code_ == 0) close_code_ = http::kWsServiceRestart;
    end_told();
    return;
  }
  ++pool_->counters().tunnels_cut;
  cut(Outcome::kServed);
}

// A frame of ours may be put in here.
void Stream::end_told() {
  GenerationCounters& counters = pool_->counters();
  if (!frames_.close_seen()) {
    std::string frame;
    http::append_close_frame(frame, close_code_, "the app is being replaced");
    client_->tunnel_body(frame);
    ++counters.tunnels_told;
  }
  ++counters.tunnels_cut;
  cut(Outcome::kServed);  // counted as a cut tunnel, not as a failed request
}

}  // namespace sidestep::sidecar
