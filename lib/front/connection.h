// One client connection of a Front: read a request, call the server, write the answer, and again.
//
//   Reading ──whole──▶ Calling ──answer──▶ Writing ──kept──▶ Reading
//      │ refused or late   │ late, broken     │ last: Lingering (read on, so that the answer arrives) ──▶
//      gone └───────────────────┴──────────────────┘
//
// Owned by the Front; the loop's thread. Private to lib/front.
#pragma once

#include <string>

#include "lib/front/handover.h"
#include "lib/front/intake.h"
#include "lib/front/tls_session.h"
#include "lib/loop/event_loop.h"

namespace sidestep::front {

class Connection;

// What a connection needs of the Front that owns it.
class ConnectionOwner {
 public:
  virtual EventLoop& loop() = 0;
  virtual const Settings& settings() const = 0;
  virtual void count(const std::string& reason) = 0;  // of a refusal
  virtual bool begin_call() = 0;                      // wakes the server; false: too many are there
  virtual void end_call() = 0;
  virtual bool takes_more() const = 0;             // requests on a kept connection
  virtual void leave(Connection* connection) = 0;  // destroys it at the end of the loop's turn

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public IoHandler, public Deletable {
 public:
  // `terms`: of TLS; null: plain bytes.
  Connection(ConnectionOwner& owner, UniqueFd client, Principal principal, const TlsServerPtr& terms);
  ~Connection() override;

  void start();
  const Principal& principal() const { return principal_; }
  void on_io(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { kReading, kCalling, kWriting, kLingering, kGone };

  // The other descriptor needs a handler of its own.
  struct ServerSide final : IoHandler {
    explicit ServerSide(Connection& c) : connection(c) {}
    void on_io(std::uint32_t events) override { connection.on_server(events); }
    Connection& connection;
  };

  void read_client();
  bool shake_hands();
  ssize_t receive(char* into, std::size_t size);
  bool send_small(std::string_view bytes);
  bool seal(std::string& bytes);
  void act_on_intake();
  void refuse(int status, std::string_view text, const std::string& reason);
  void serve();
  bool is_last() const;  // request of this connection
  void on_server(std::uint32_t events);
  void send_call();
  void receive_answer();
  void end_call();
  void finish_call();
  void write_answer(std::string bytes, bool last);
  void flush();
  void answered();
  void linger();
  void drain_client();
  void on_time();
  void arm(Millis delay);
  void watch_client(std::uint32_t events);
  void leave();

  ConnectionOwner& owner_;
  UniqueFd client_;
  UniqueFd server_;
  const Principal principal_;
  ServerSide server_side_{*this};
  FunctionTimer timer_{[this] { on_time(); }};
  TlsBuffers sealed_;  // of tls_
  std::unique_ptr<TlsSession> tls_;
  bool is_shaken_ = false;  // the handshake is done, or there is none
  Intake intake_;
  Request request_;
  std::string call_;  // bytes for the server, from call_sent_ on
  std::size_t call_sent_ = 0;
  std::string answer_;  // of the server, so far
  std::string out_;     // bytes for the client, from out_sent_ on
  std::size_t out_sent_ = 0;
  TimePoint connect_until_{};
  TimePoint call_until_{};
  State state_ = State::kReading;
  bool is_calling_ = false;                            // counted at the Front
  bool is_last_ = false;                               // the connection ends after out_
  Intake::State timed_state_ = Intake::State::kWhole;  // the part of a request that the timer covers
  bool timed_begun_ = false;
};

}  // namespace sidestep::front
