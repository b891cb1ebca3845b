// A Front with a thread and an event loop of its own: what a program opens for its control port, webhook or
// dashboard.
//
// Ownership: owns loop, thread and listeners. Threads: construct, listen_*, start, stop and destroy on one
// thread; refusals() on any.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "lib/base/result.h"
#include "lib/front/front.h"

namespace sidestep::front {

class Door {
 public:
  explicit Door(Settings settings, const Clock& clock = system_clock());
  ~Door();  // stop()
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // What an earlier process has left, by the name that listeners() gave it: used by listen_*() in place of a
  // new socket.
  void set_left(std::map<std::string, UniqueFd> left) { left_ = std::move(left); }
  // "control 127.0.0.1:8086", "control unix:/run/c.sock" → descriptor, while this one accepts.
  const std::map<std::string, int>& listeners() const { return listeners_; }

  // Before start(). Callers over TCP are strangers; who may open the socket file (mode 0600) is the local
  // user.
  Status listen_tcp(const std::string& host, std::uint16_t port, bool only_v6 = false);
  Status listen_unix(const std::string& path);
  std::uint16_t tcp_port() const { return tcp_port_; }  // of the first TCP listener; 0: none

  void start();
  // No further connections; what is under way goes on, and each answer says that its connection closes. After
  // start().
  void stop_accepting();
  bool is_quiet() const { return front_.is_quiet(); }  // nothing is under way any more, and nothing comes
  // Cuts what is under way. Idempotent.
  void stop();

  std::map<std::string, std::uint64_t> refusals() const { return front_.refusals(); }

 private:
  void serve(const std::string& name, UniqueFd listener, bool is_local);
  UniqueFd take_left(const std::string& name);

  EventLoop loop_;
  Front front_;
  std::thread thread_;
  std::uint16_t tcp_port_ = 0;
  std::map<std::string, UniqueFd> left_;
  std::map<std::string, int> listeners_;
};

// 32 hex digits from the kernel's generator (getrandom(2)): for Settings::door_token.
std::string random_token();

}  // namespace sidestep::front
