// The network-facing door of a small local server (control port; webhook and dashboard later), or of a
// program that answers by itself (the operator's pages): accepts TCP and Unix connections, reads strictly and
// bounded (intake.h), and hands each whole request to the server on its own Unix connection, with the
// principal that the kernel knows in a field that nobody outside can set. Answers 4xx, 503 and 504 by itself.
// Streams nothing.
//
// Not here: who may do what (the server decides); TLS itself (tls_session.h), which a connection's bytes pass
// through before the intake where the settings say so.
//
// Ownership: owns its connections and listeners; the loop must outlive it. Threads: the loop's, but for
// refusals().
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/front/connection.h"
#include "lib/front/listener.h"
#include "lib/front/settings.h"
#include "lib/loop/event_loop.h"

namespace sidestep::front {

class Front final : private ConnectionOwner {
 public:
  Front(EventLoop& loop, Settings settings);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // Takes over a listening socket (lib/loop/socket.h). `is_local`: a Unix socket, whose callers have the
  // local user's authority by its file permission.
  void serve(UniqueFd listener, bool is_local);
  // No further connections; what is under way goes on, and each answer says that its connection closes.
  void stop_accepting();
  // Cuts everything.
  void close_all();
  std::size_t connections() const { return open_; }  // any thread
  // Any thread: it accepts no more, and nothing is under way.
  bool is_quiet() const { return has_stopped_ && open_ == 0; }

  // What was refused here, by reason. Any thread.
  std::map<std::string, std::uint64_t> refusals() const;

 private:
  EventLoop& loop() override { return loop_; }
  const Settings& settings() const override { return settings_; }
  void count(const std::string& reason) override;
  bool begin_call() override;
  void end_call() override { --calls_; }
  bool takes_more() const override { return !has_stopped_; }
  void leave(Connection* connection) override;
  void admit(UniqueFd client, bool is_local);

  EventLoop& loop_;
  const Settings settings_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::map<std::string, std::size_t> by_source_;  // TCP connections by address
  std::size_t tcp_connections_ = 0;
  std::size_t local_connections_ = 0;
  std::atomic<std::size_t> open_{0};  // of connections_, for any thread
  std::atomic<bool> has_stopped_{false};
  std::size_t calls_ = 0;  // requests at the server
  bool is_awake_ = false;  // wake_server was called

  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> refusals_;  // guarded by mutex_
};

}  // namespace sidestep::front
