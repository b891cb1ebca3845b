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

  // Before start(). Callers over TCP are strangers; who may open the socket file (mode 0600) is the local
  // user.
  Status listen_tcp(const std::string& host, std::uint16_t port, bool only_v6 = false);
  Status listen_unix(const std::string& path);
  std::uint16_t tcp_port() const { return tcp_port_; }  // of the first TCP listener; 0: none

  void start();
  // Cuts what is under way. Idempotent.
  void stop();

  std::map<std::string, std::uint64_t> refusals() const { return front_.refusals(); }

 private:
  EventLoop loop_;
  Front front_;
  std::thread thread_;
  std::uint16_t tcp_port_ = 0;
};

// 32 hex digits from the kernel's generator (getrandom(2)): for Settings::door_token.
std::string random_token();

}  // namespace sidestep::front
