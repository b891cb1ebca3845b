// One request of an HTTP/2 client: a Stream's ClientSide, and the session's H2Stream.
//
// Lives until both have done with it: the Stream has ended, and the session has closed. Pooled by its shard.
// Threads: its shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/http/h2_session.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/intrusive_list.h"

namespace sidestep::sidecar {

class ClientH2;
class Stream;

class ClientH2Stream final : public http::H2Stream, public ClientSide, public ListHook<ClientH2Stream> {
 public:
  // --- From its connection.
  void start(ClientH2& conn);
  void on_request(const http::H2Fields& fields, bool is_whole);
  void on_data(std::string_view data);
  void on_end(const http::HeaderStore* with);
  void on_closed();
  void flush_request();
  // What a client sent before its WebSocket was accepted.
  void pass_early();
  // The client is gone; nothing is said any more.
  void drop();
  // When the client has to do something; TimePoint::max() when it has nothing to do. Acts on what is overdue.
  TimePoint check_time(TimePoint now);
  // The client has taken some.
  void tell_drained();
  // So much of it is kept for the client now, of what the shard keeps in all.
  void count_kept(std::size_t now);

  // ClientSide.
  void interim(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head, Generation generation) override;
  void body(std::string_view data) override;
  void end(std::string_view lines) override;
  void abort() override;
  void reject(const Rejection& rejection) override;
  void tunnel_body(std::string_view data) override { body(data); }
  void tunnel_end() override;
  void tunnel_closed() override;
  bool flush() override;
  std::string_view introduction() const override;
  std::size_t unsent() const override;
  void pause_request(bool paused) override;
  void hold_back(bool) override {}  // paused is enough: the window stays shut
  // What waits in the kernel belongs to no stream yet.
  std::size_t kernel_bytes() const override { return 0; }

 private:
  void refuse(http::BadReason reason);
  void note_waiting();
  void let_go();

  ClientH2* conn_ = nullptr;
  Stream* stream_ = nullptr;
  std::size_t unopened_ = 0;  // bytes that the window stays shut by, while paused
  std::size_t unsent_seen_ = 0;
  std::size_t kept_ = 0;      // of what the client has not taken: the shard has counted it
  std::string early_;         // of a tunnel that has not begun; the window bounds it
  TimePoint body_since_{};    // the last byte of the request's body, or its head
  TimePoint unsent_since_{};  // the client took none of it since
  bool head_request_ : 1 = false;
  bool grpc_ : 1 = false;
  bool upgrade_ : 1 = false;  // asked for a tunnel
  bool tunnel_ : 1 = false;
  bool early_end_ : 1 = false;
  bool paused_ : 1 = false;
  bool waits_ : 1 = false;  // counted by the connection
};

// Used again from the next turn on.
class ClientH2Streams final {
 public:
  ClientH2Stream& take();
  void give_back(ClientH2Stream& stream) { resting_.emplace_back(&stream); }
  void end_turn();

 private:
  static constexpr std::size_t kMostFree = 256;

  std::vector<std::unique_ptr<ClientH2Stream>> free_;
  std::vector<std::unique_ptr<ClientH2Stream>> resting_;
};

}  // namespace sidestep::sidecar
