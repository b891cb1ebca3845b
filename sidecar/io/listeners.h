// Gets the client-facing listeners without ever losing one that exists: what the parent holds, else a new
// exclusive bind, else (the port is taken) what a launcher holds for a proxy that was killed, else an error
// that names the port and its owner.
//
// A descriptor that is offered is used only when it listens on the wanted address, since a launcher's word is
// not enough. Does not serve. Threads: the control thread.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/io/launcher_link.h"

namespace sidestep::sidecar {

// "listen 0.0.0.0:8080", "listen ipv6 [::]:8080", "listen unix:/path": the name under which a listener is
// kept.
std::string listener_name(const ListenAddress& address);

class ListenerClaim {
 public:
  // In the order of the wanted addresses.
  using Done = std::function<void(Result<std::vector<NamedFd>>)>;

  // `longest_wait` is for a launcher to connect and offer its duplicates.
  ListenerClaim(EventLoop& loop, std::vector<ListenAddress> wanted, Millis longest_wait = Millis{700});

  // `done` is called once, from within start() or offer() or from a timer.
  void start(std::vector<std::pair<std::string, UniqueFd>> kept, Done done);
  // What LauncherUp brought; ignored when nothing is missing any more.
  void offer(std::vector<NamedFd>& listeners);

 private:
  struct Wanted {
    ListenAddress address;
    UniqueFd fd;
  };

  void take(const std::string& name, UniqueFd& fd);
  bool bind_missing();  // false: done_ was called with an error
  void try_again();
  bool is_complete() const;
  void finish(Result<std::vector<NamedFd>> result);

  EventLoop& loop_;
  std::vector<Wanted> wanted_;
  Millis longest_wait_;
  TimePoint give_up_at_{};
  Done done_;
  FunctionTimer retry_;
};

}  // namespace sidestep::sidecar
