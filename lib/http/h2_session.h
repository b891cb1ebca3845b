// One HTTP/2 connection (RFC 9113), as a server or as a client: bytes in → calls of H2Handler; commands →
// bytes out. The only unit that knows nghttp2.
//
// Decides what is valid HTTP/2 and what floods (h2_guard.h); what a request or an answer means to HTTP/1 is
// h2_message.h. No sockets, no clock. Priorities are ignored; nothing is pushed.
//
// Field blocks that could mean something else in HTTP/1 end their stream with PROTOCOL_ERROR and are never
// handed on: control characters, upper case, fields of one connection, TE other than trailers, pseudo-header
// fields that are missing, doubled or late, a body that does not fit its Content-Length.
//
// Flow control is manual: windows open again only by consume(), so what a peer makes us hold is bounded by
// H2Limits::connection_window. What we hold for the peer is bounded by max_output and by whoever calls
// write().
//
// Ownership: an H2Stream belongs to the consumer and lives until on_closed() was called for it, or the
// session has ended; and also until the command returns in which on_closed() was called. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/http/bad_reason.h"
#include "lib/http/h2_closed_streams.h"
#include "lib/http/h2_frame_scanner.h"
#include "lib/http/h2_guard.h"
#include "lib/http/h2_limits.h"
#include "lib/http/message.h"

struct nghttp2_session;

namespace sidestep::http {

// Error codes (RFC 9113 7) that consumers use.
enum class H2Error : std::uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kStreamClosed = 5,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

// One field block: of a request, an answer, or trailers. Views are valid during the call that shows them.
struct H2Fields {
  std::string_view method, scheme, authority, path, protocol;  // of a request; absent ones are empty
  int status = 0;                                              // of an answer
  HeaderStore* headers = nullptr;        // the other fields, in order; the handler may change the list
  BadReason refused = BadReason::kNone;  // too many or too large: the fields are not all there
};

// A stream as the session sees it; consumers derive from it. The session writes, consumers read.
struct H2Stream {
  std::int32_t id = 0;
  bool open = false;          // from the first command or event to on_closed()
  bool remote_ended = false;  // the peer sends no more
  bool local_ended = false;   // END_STREAM is among the bytes out
  // Consumers may set it: once our message has ended and the peer's has not, the peer is told to stop (RFC
  // 9113 8.1).
  bool stop_peer_at_end = false;
  // Memory that waiting body bytes take.
  std::size_t kept() const { return waiting.empty() ? 0 : waiting.capacity(); }
  // Body bytes that are in no frame yet.
  std::size_t unsent() const { return waiting.size() - waiting_from + fresh.size(); }

  // The session's own.
  std::string waiting;
  std::size_t waiting_from = 0;
  std::string_view fresh;  // the caller's bytes, until flush()
  std::size_t unconsumed = 0;
  std::vector<std::pair<std::string, std::string>> trailers;
  bool ends = false;      // nothing is written after what is unsent
  bool deferred = false;  // the session waits for write() or end()
};

class H2Handler {
 public:
  // Server: a stream for a request that has come whole; nullptr: refused (REFUSED_STREAM).
  virtual H2Stream* new_stream() = 0;
  // Server: the request's head. `ends`: it has no body.
  virtual void on_request(H2Stream& stream, const H2Fields& fields, bool ends) = 0;
  // Client: an answer's head, 1xx included.
  virtual void on_response(H2Stream& stream, const H2Fields& fields, bool ends) = 0;
  // Body bytes, until consume() counted against the windows.
  virtual void on_data(H2Stream& stream, std::string_view data) = 0;
  // The peer's message is whole. `trailers` may be nullptr.
  virtual void on_end(H2Stream& stream, const HeaderStore* trailers) = 0;
  // The last call for the stream. Whether both messages were whole is in remote_ended and local_ended.
  virtual void on_closed(H2Stream& stream, H2Error error) = 0;
  // The peer begins (or lets us begin) no further streams; those above `last_id` were not processed.
  virtual void on_goaway(std::int32_t last_id, H2Error error) = 0;
  // The peer's settings have changed.
  virtual void on_settings() = 0;
  // The peer has seen what was sent before announce_shutdown().
  virtual void on_ping_ack() = 0;

 protected:
  ~H2Handler() = default;
};

enum class H2Role : std::uint8_t { kServer, kClient };

// What H2Session::fault() says of a peer that costs too much.
inline constexpr const char kFloodOfEmptyFrames[] = "flood of empty frames";
inline constexpr const char kHeaderBomb[] = "header bomb";
inline constexpr const char kRapidReset[] = "rapid reset";
inline constexpr const char kMadeToBeReset[] = "streams that are made to be reset";

class H2Session final {
 public:
  // `limits`, `handler` and `store` outlive the session; `store` may be shared by all sessions of a thread.
  H2Session(H2Role role, const H2Limits& limits, H2Handler& handler, HeaderStore& store);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // --- Bytes in. False: nothing more can be understood or is wanted; output() holds the last words.
  [[nodiscard]] bool receive(std::string_view bytes, TimePoint now);

  // --- Bytes out: as much as may be sent now, up to max_output. Valid until the next call of anything.
  std::string_view output();
  void sent(std::size_t count);  // REQUIRES: count <= output().size()
  // Both sides have said that nothing more comes, and output() is empty: close.
  bool finished() const;
  // What output() would give at once, before it asks the streams for more.
  std::size_t unsent() const { return out_.size() - out_from_; }
  // Bodies that wait in streams cannot move, since max_output is reached.
  bool output_full() const { return unsent() >= limits_.max_output; }

  // --- Commands of a server.
  void interim(H2Stream& stream, int status, std::span<const Header> fields);
  // `ends`: without body. Otherwise write()* end() follow.
  void respond(H2Stream& stream, int status, std::span<const Header> fields, bool ends);

  // --- Commands of a client. False: this connection takes no further stream. Sets stream.id.
  [[nodiscard]] bool request(H2Stream& stream, const H2Fields& fields, bool ends);
  // What the peer allows at the same time; 0 when it takes no further stream.
  std::size_t peer_max_streams() const;
  bool peer_takes_websockets() const;  // RFC 8441

  // --- Commands of both. On a stream that is not open they do nothing.
  // `data` stays valid until flush() of the stream.
  void write(H2Stream& stream, std::string_view data);
  void end(H2Stream& stream, std::span<const Header> trailers);
  // Puts what may go into frames; the rest is copied. Not to be left out after write().
  void flush(H2Stream& stream);
  void reset(H2Stream& stream, H2Error error);
  // Opens the stream's and the connection's window by bytes that on_data() has shown.
  void consume(H2Stream& stream, std::size_t count);
  // Begins no further streams from the peer, in two steps: GOAWAY(2^31-1) and a PING; on its ack
  // (on_ping_ack), or when the caller has waited long enough, shut() says which stream was the last.
  void announce_shutdown();
  void shut();
  // At once, for all streams.
  void terminate(H2Error error);

  bool failed() const { return failed_; }
  // A field block has begun and not ended: its time runs.
  bool is_mid_head() const { return scanner_.is_mid_head(); }
  // Bytes that output() has and those that wait for it are not all gone.
  bool has_output() const { return out_from_ < out_.size(); }
  // Why, for the log; empty when the peer was not at fault.
  std::string_view fault() const { return fault_; }

 private:
  struct Callbacks;  // what nghttp2 calls
  struct Field {
    std::uint32_t at, name, value;  // in block_
  };

  void begin_block();
  void add_field(std::string_view name, std::string_view value);
  H2Fields fields();
  void take_request(std::int32_t id, bool ends);
  void take_answer_or_trailers(H2Stream& stream, bool ends);
  void closed(H2Stream& stream, std::uint32_t error);
  void sent_frame_of(H2Stream& stream, bool ends);
  void feed(std::string_view bytes);
  std::string_view judge_frames(std::string_view bytes);
  void judge(const H2FrameHead& frame);
  void judge_late(const H2FrameHead& frame);
  void calm_down(const char* why);
  void keep(H2Stream& stream);
  void pump();
  void release_memory();

  const H2Limits& limits_;
  H2Handler& handler_;
  HeaderStore& store_;
  nghttp2_session* session_ = nullptr;
  std::string out_;
  std::size_t out_from_ = 0;
  std::string block_;  // names and values of the present field block
  std::vector<Field> fields_;
  std::size_t block_bytes_ = 0;
  BadReason block_refused_ = BadReason::kNone;
  H2Guard guard_;
  H2FrameScanner scanner_;  // of a server's input, as the three after it
  H2ClosedStreams closed_;
  std::int32_t last_begun_ = 0;
  std::uint32_t continuations_ = 0;  // of the present field block
  const char* fault_ = "";
  H2Role role_;
  bool busy_ = false;  // inside nghttp2: it may not be entered again
  bool failed_ = false;
  bool pings_after_goaway_ = false;
  bool shut_ = false;  // streams above the last one are dropped
};

}  // namespace sidestep::http
