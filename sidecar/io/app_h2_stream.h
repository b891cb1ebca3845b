// One stream of an HTTP/2 connection to the app: hands a request over and its answer back.
//
//   attached ─▶ (waits for the app's SETTINGS, a WebSocket only) ─▶ open ─▶ over
//
// A WebSocket is an extended CONNECT here (RFC 8441); the request stream sees a 101, as from an HTTP/1 app.
// The client's cancel resets the stream at once. Windows open again as the client takes bytes, so that what
// waits here is bounded by the stream's window. Owned by its AppH2. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/h2_session.h"
#include "sidecar/core/retry_policy.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/intrusive_list.h"

namespace sidestep::sidecar {

class AppH2;
class Stream;

class AppH2Stream final : public http::H2Stream, public AppSide, public ListHook<AppH2Stream> {
 public:
  AppH2Stream(AppH2& conn, Stream& stream) : conn_(conn), stream_(&stream) {}

  // AppSide.
  void request_head(std::string_view head) override { head_ = head; }
  void request_body(std::string_view data) override;
  void request_end(std::string_view lines) override;
  void flush_request() override;
  void shutdown_write() override;
  void pause_reading(bool paused) override;
  void abandon() override;
  std::size_t unsent() const override { return H2Stream::unsent(); }
  std::uint64_t handed() const override;

  // --- From the connection.
  // Calls attached() of the request stream.
  void start();
  void on_settings();
  void on_response(const http::H2Fields& fields, bool is_whole);
  void on_data(std::string_view data);
  void on_end(const http::HeaderStore* fields);
  // The last call.
  void on_closed(http::H2Error error);
  // Ends it here and there; the request stream decides what follows.
  void fail(AttemptFailure why);
  void fail_if_refused();
  // Hands what was gathered to the client, and opens the window by what it took.
  void flush_answer();
  void tell_drained();
  void forget() { stream_ = nullptr; }

 private:
  void submit(bool is_whole);
  void refuse_answer(std::string_view reason);
  http::ResponseHead answer_head(const http::H2Fields& fields, bool is_whole);

  AppH2& conn_;
  Stream* stream_;
  std::string_view head_;  // not handed on yet; the request stream keeps it
  std::string accept_;     // what the client of a WebSocket expects
  std::uint64_t sent_before_ = 0;
  bool is_complete_ = false;  // the request, before its head was handed on
  bool websocket_ = false;
  bool tunnel_ = false;
  bool is_paused_ = false;
};

}  // namespace sidestep::sidecar
