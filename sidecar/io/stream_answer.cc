// The answer's way through a stream: heads, bodies and failures.
#include "sidecar/io/app_pool.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/shard.h"
#include "sidecar/io/stream.h"

namespace sidestep::sidecar {
namespace {

constexpr int kMostInterims = 64;
constexpr Millis kBeforeLastAttempt{20};  // the kernel closes a killed process's connections in less

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
    drop_request();
    handed_ = 0;
  }
  if (grpc_)
    grpc_head(head);
  else
    events_head(head);
  client_->head(head, pool_->generation());
  if (tunnel_begins) {
    tunnel_ = true;
    ++counters.tunnels_open;
  }
  return true;
}

bool Stream::flush() {
  return client_ != nullptr && after_flush(client_->flush());
}

bool Stream::takes_pipe() const {
  return client_ != nullptr && !tunnel_ && !grpc_ && close_code_ == 0 && client_->takes_pipe();
}

bool Stream::pass(SplicePipe& pipe, bool is_last) {
  const bool is_client_there = client_->body_from(pipe);
  return is_last ? is_client_there && client_ != nullptr : after_flush(is_client_there);
}

bool Stream::after_flush(bool is_client_there) {
  if (!is_client_there || client_ == nullptr) return false;
  if (app_ != nullptr && client_->unsent() > shard_.kept().stream_limit()) {
    count_full();
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
  if (grpc_) count_grpc(trailers);
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
      why == AttemptFailure::kClosed&& attempts_ + 1 == kMostAttempts ? rest() : dispatch();
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

// The connections of a process that is dying close one after another: the last attempt is not spent on one of
// them.
void Stream::rest() {
  pool_ = nullptr;
  resting_ = true;
  shard_.loop().arm(deadline_, kBeforeLastAttempt);
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

}  // namespace sidestep::sidecar
