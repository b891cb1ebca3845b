// One request stream: what is routed, weighed, held, retried and counted. It knows nothing of sockets or of
// HTTP versions: ClientSide is where it came from, AppSide is who answers it.
//
//   begin ─ request_body* ─ request_end ─┐            (from the client, in any relation to the rest)
//   dispatch ─▶ waits in the hold or in an AppPool ─▶ attached ─▶ head ─ body* ─ end
//                      ▲                                 │ failed, and may be sent again
//                      (core/retry_policy.h) └─────────────────────────────────┘
//
// Ownership: made and taken back by its shard (StreamPool); the client side and the app side hold plain
// pointers, which the stream cuts when it ends. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/event_stream.h"
#include "lib/http/forwarding.h"
#include "lib/http/grpc.h"
#include "lib/http/message.h"
#include "lib/http/ws_frames.h"
#include "lib/loop/timers.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/retry_policy.h"
#include "sidecar/core/types.h"
#include "sidecar/io/intrusive_list.h"

namespace sidestep::sidecar {

class AppPool;
class AppSide;
class ClientSide;
class Shard;
class SplicePipe;
struct Rejection;

class Stream : public ListHook<Stream> {
 public:
  explicit Stream(Shard& shard);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // --- From the client. `head` is serialized at once; its views need not outlive the call.
  void begin(ClientSide* client, const http::RequestHead& head, const http::ForwardContext& context);
  void request_body(std::string_view data);
  void request_end(std::string_view trailers);
  // Sends what was added, or chooses a generation first.
  void flush_request();
  // The client cannot be answered any more. Ends the stream.
  void client_gone();
  // What the client had not taken is below the limit again.
  void client_drained();
  void tunnel_from_client(std::string_view data);
  void tunnel_client_end();

  // --- From the pool and the app connection.
  void attached(AppSide* app);
  void interim(const http::ResponseHead& head);
  // False: the head may not pass (answered 502); the connection is not to be used again.
  [[nodiscard]] bool head(const http::ResponseHead& head);
  void body(std::string_view data);
  void end(std::string_view trailers);  // ends the stream, unless it is a tunnel
  bool flush();                         // to the client; false: the stream has ended
  // Bytes of the body may pass by a pipe; pass() takes all that is in it, as body() and flush(). `is_last`: nothing
  // more is read for this answer.
  bool takes_pipe() const;
  bool pass(SplicePipe& pipe, bool is_last);
  // The app connection is detached already; `handed` bytes of this request were taken by the kernel.
  void failed(AttemptFailure why, std::uint64_t handed);
  // As failed(), when no other attempt can help.
  void app_refused(const Rejection& rejection);
  void app_drained();
  void tunnel_app_end();

  // --- From the shard.
  void dispatch();  // choose a generation, now that there may be one
  void reject(Outcome outcome, const Rejection& rejection);
  // A long-lived one: a Close frame, a gRPC status or a comment, at the next end of a message; then the end.
  void close_long(int code);
  void cut_long();            // its time is over: told where that is possible
  void cut(Outcome outcome);  // ends it, whatever its state
  // The time of requests is over: true for a gRPC answer that has begun, which is long-lived from here on.
  bool outlives_requests();
  void set_pool(AppPool* pool) { pool_ = pool; }

  AppPool* pool() const { return pool_; }
  http::Method method() const { return method_; }
  bool idempotent() const { return http::is_idempotent(method_); }
  bool request_complete() const { return request_complete_; }
  // Nobody knows how long its body will be.
  bool is_chunked() const { return chunked_; }
  // A tunnel, server-sent events, or what has shown itself to be a gRPC stream: more than one message, or an
  // answer before the request's end. Drained by the policy's limits for WebSockets.
  bool is_long_lived() const { return tunnel_ || long_; }
  bool wants_tunnel() const { return upgrade_; }
  bool avoids_candidate() const { return avoid_candidate_; }
  bool is_held() const { return held_; }
  bool was_tried() const { return attempts_ > 0; }
  std::size_t waiting_bytes() const;
  // The PROXY header of its client's connection; empty: the app gets none.
  std::string_view introduction() const;
  // First time: remembers when, and starts the time limit.
  void mark_held();

 private:
  friend class StreamPool;
  struct Deadline final : Timer {
    explicit Deadline(Stream& owner) : stream(owner) {}
    void on_timer() override { stream.on_deadline(); }
    Stream& stream;
  };

  void reset();
  void on_deadline();
  void hand_request();
  void keep(std::string_view body);  // of the request, for another attempt
  void drop_request();
  bool keep_for_replay(std::size_t more);
  void check_size(std::uint64_t bytes);
  void pause_client();  // its buffer is full
  void count_full();
  bool after_flush(bool is_client_there);
  void finish(Outcome outcome);
  void unhold();
  void log_access(Outcome outcome) const;
  void grpc_head(const http::ResponseHead& head);
  void events_head(const http::ResponseHead& head);
  void count_grpc(std::string_view trailers);
  void become_long();
  bool may_be_told() const;
  void end_told();
  void give_up(AttemptFailure why);
  void rest();

  Shard& shard_;
  ClientSide* client_ = nullptr;
  AppSide* app_ = nullptr;
  AppPool* pool_ = nullptr;
  // Head, as the app gets it, and body, without framing: kept until an answer begins, or it is too large.
  std::string request_;
  std::string trailers_;  // of the request: lines
  std::string note_;      // method and target, for the access log only
  std::size_t head_size_ = 0;
  std::uint64_t received_ = 0;  // of the body
  std::size_t handed_ = 0;      // bytes of request_ that the present attempt has handed on
  TimePoint began_{};
  TimePoint held_since_{};
  Deadline deadline_;
  http::WsFrameTracker frames_;
  http::GrpcFrameTracker messages_;
  http::EventTracker event_lines_;
  http::Method method_ = http::Method::kOther;
  std::uint8_t attempts_ = 0;
  std::uint8_t interims_ = 0;
  std::uint8_t grpc_code_ = http::kGrpcUnknown;
  std::uint16_t status_ = 0;
  std::uint16_t close_code_ = 0;
  bool chunked_ : 1 = false;  // the request's body has no known length
  bool request_complete_ : 1 = false;
  bool end_handed_ : 1 = false;  // the end of the request, in the present attempt
  bool replayable_ : 1 = true;
  bool too_large_ : 1 = false;  // its body is beyond the limit: answered 413 at the end of the turn
  bool response_begun_ : 1 = false;
  bool upgrade_ : 1 = false;
  bool websocket_ : 1 = false;
  bool tunnel_ : 1 = false;
  bool grpc_ : 1 = false;
  bool events_ : 1 = false;         // server-sent events
  bool long_ : 1 = false;           // counted with the tunnels
  bool may_end_early_ : 1 = false;  // the answer's length is not told before, and its bytes can be followed
  bool client_ended_ : 1 = false;
  bool app_ended_ : 1 = false;
  bool held_ : 1 = false;
  bool resting_ : 1 = false;  // before the last attempt; in no pool and in no queue
  bool avoid_candidate_ : 1 = false;
  bool paused_client_ : 1 = false;
  bool paused_app_ : 1 = false;
};

}  // namespace sidestep::sidecar
