// Time limits of a client's connection, and what becomes of one that is silent.
#include <sys/epoll.h>

#include <algorithm>

#include "sidecar/io/client_h1.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kParkAfter{1'000};  // a client that asks again sooner finds everything as it was

}  // namespace

void ClientH1::on_timer() {
  switch (state_) {
    case State::kHead:
      if (is_parking_due_) {
        is_parking_due_ = false;
        if (can_park()) return park();
        limit_time(shard_.limits().idle_timeout - kParkAfter);
        return;
      }
      hit(!wire_.all_sent()                  ? Limit::kWriteTimeout
          : is_head_timed_ || requests_ == 0 ? Limit::kHeaderTimeout
                                             : Limit::kIdleTimeout);
      if (is_head_timed_ && wire_.all_sent()) {
        refuse({http::HeadResult::kBad, 0, http::BadReason::kNone, 408});
        return;
      }
      close();
      return;
    case State::kRequest:
      if (!body_.finished() && !body_paused_ && stream_ != nullptr && wire_.all_sent()) {
        hit(Limit::kBodyTimeout);
        close_after_ = true;
        stream_->reject(Outcome::kBadRequest, {408, 0, "The body of the request did not arrive in time."});
        return;
      }
      hit(Limit::kWriteTimeout);
      drop();
      return;
    case State::kTunnel:
    case State::kDiscard:
    case State::kLinger:
      hit(wire_.all_sent() ? Limit::kLingerTimeout : Limit::kWriteTimeout);
      drop();
      return;
    case State::kClosed:
      return;
  }
}

void ClientH1::hit(Limit limit) { shard_.counters().limits.count(limit); }

bool ClientH1::drop_if_idle(TimePoint since) {
  if (!is_idle() || !wire_.all_sent() || !deadline) return false;
  const Limits& limits = shard_.limits();
  const Millis limit = is_parking_due_  ? kParkAfter
                       : requests_ == 0 ? limits.header_timeout
                                        : limits.idle_timeout;
  if (*deadline - limit > since) return false;
  close();
  return true;
}

void ClientH1::rest_timer() {
  if (state_ == State::kHead)
    limit_idle_time();
  else if (state_ == State::kRequest && !body_.finished() && !body_paused_)
    limit_time(shard_.limits().body_timeout);
  else if (state_ == State::kRequest || state_ == State::kTunnel)
    shard_.loop().cancel(*this);
}

void ClientH1::limit_time(Millis limit) {
  is_parking_due_ = false;
  shard_.loop().arm(*this, limit);
}

void ClientH1::limit_idle_time() {
  const Millis limit = shard_.limits().idle_timeout;
  const bool parks = wire_.is_bare() && requests_ > 0 && limit > kParkAfter;
  limit_time(parks ? kParkAfter : limit);
  is_parking_due_ = parks;
}

bool ClientH1::can_park() const {
  return is_idle() && wire_.all_sent() && wanted_ == EPOLLIN && !input_ended_ && !close_after_ &&
         !resuming_ && !is_head_timed_;
}

void ClientH1::park() {
  state_ = State::kClosed;
  shard_.park(*this, {wire_.leave(), peer_, listener_, requests_, shard_.now() - kParkAfter});
}

// A head that drips in does not win time with each byte.
void ClientH1::limit_time_once(Millis limit) {
  if (is_head_timed_) return;
  is_head_timed_ = true;
  limit_time(limit);
}

}  // namespace sidestep::sidecar
