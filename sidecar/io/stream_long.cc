// Streams that last: tunnels, gRPC streams and server-sent events. How they are told of a drain, and what is
// counted of them.
#include "lib/http/grpc.h"
#include "sidecar/io/app_pool.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/shard.h"
#include "sidecar/io/stream.h"

namespace sidestep::sidecar {

void Stream::body(std::string_view data) {
  std::size_t boundary = 0;
  if (tunnel_) {
    if (websocket_) boundary = frames_.feed(data);
  } else if (grpc_) {
    boundary = messages_.feed(data);
    if (messages_.messages() > 1 && !long_) become_long();
  } else if (events_) {
    boundary = event_lines_.feed(data);
  }
  const bool ends_here = close_code_ != 0 && boundary > 0;
  const std::string_view passed = ends_here ? data.substr(0, boundary) : data;
  tunnel_ ? client_->tunnel_body(passed) : client_->body(passed);
  if (ends_here) end_told();
}

// A stream in both directions answers before the client has said its last.
void Stream::grpc_head(const http::ResponseHead& head) {
  may_end_early_ = head.framing == http::Framing::kChunked;
  if (const http::Header* status = http::find_header(head.headers, http::kGrpcStatus))
    grpc_code_ = static_cast<std::uint8_t>(http::grpc_code_of(status->value));
  if (!request_complete_) become_long();
}

// A HEAD or an answer of a known length is one like any other.
void Stream::events_head(const http::ResponseHead& head) {
  if (head.status != 200 || head.framing == http::Framing::kNone || head.framing == http::Framing::kLength)
    return;
  if (!http::is_event_stream(head.headers)) return;
  events_ = true;
  may_end_early_ = http::is_identity_coded(head.headers);
  become_long();
}

void Stream::become_long() {
  long_ = true;
  ++pool_->counters().tunnels_open;
}

// The answer is whole.
void Stream::count_grpc(std::string_view trailers) {
  if (status_ != 200) return;  // counted by its class
  const std::size_t at = trailers.find("grpc-status: ");
  if (at != std::string_view::npos) {
    const std::string_view value = trailers.substr(at + 13);
    grpc_code_ = static_cast<std::uint8_t>(http::grpc_code_of(value.substr(0, value.find('\r'))));
  }
  ++pool_->counters().by_grpc_code[grpc_code_];
}

void Stream::tunnel_from_client(std::string_view data) {
  if (app_ == nullptr) return;
  app_->request_body(data);
  app_->flush_request();
  if (app_->unsent() > shard_.kept().stream_limit()) pause_client();
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

void Stream::close_long(int code) {
  if (client_ == nullptr || !is_long_lived()) return;
  close_code_ = static_cast<std::uint16_t>(code);
  if (may_be_told()) end_told();
}

void Stream::cut_long() {
  if (may_be_told()) {
    if (close_code_ == 0) close_code_ = http::kWsServiceRestart;
    end_told();
    return;
  }
  ++pool_->counters().tunnels_cut;
  cut(Outcome::kServed);
}

bool Stream::outlives_requests() {
  if (!grpc_ || !response_begun_ || client_ == nullptr) return false;
  if (!long_) become_long();
  return true;
}

// Something of ours may be put in here.
bool Stream::may_be_told() const {
  if (tunnel_) return websocket_ && frames_.at_boundary();
  return may_end_early_ && (events_ ? event_lines_.at_boundary() : messages_.at_boundary());
}

void Stream::end_told() {
  constexpr std::string_view kWhy = "the app is being replaced";
  GenerationCounters& counters = pool_->counters();
  ++counters.tunnels_cut;
  if (!tunnel_) {
    ++counters.tunnels_told;
    ClientSide* client = client_;
    if (events_) client->body(http::kEventStreamEnd);
    client->end(events_ ? std::string() : http::grpc_status_lines(http::kGrpcUnavailable, kWhy));
    finish(Outcome::kServed);
    client->flush();
    return;
  }
  if (!frames_.close_seen()) {
    std::string frame;
    http::append_close_frame(frame, close_code_, kWhy);
    client_->tunnel_body(frame);
    ++counters.tunnels_told;
  }
  cut(Outcome::kServed);  // counted as a cut tunnel, not as a failed request
}

}  // namespace sidestep::sidecar
