// Who listens on which TCP port of this network namespace.
//
// Asks the kernel by sock_diag(7), which looks at nobody but listeners; where that is not to be had (a
// sandbox, a kernel without inet_diag) it reads /proc/net/tcp and tcp6, which takes milliseconds on a machine
// with much memory: the kernel goes through its whole table of connections. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {

struct Listening {
  std::uint16_t port = 0;
  bool any_address = false;  // 0.0.0.0 or [::]: it can be reached around the proxy
  std::uint64_t inode = 0;
};

class ListeningTable {
 public:
  // Opens what read() needs: a worker that is confined may not. `root` stands before /proc; with one, nothing
  // but files is read.
  explicit ListeningTable(std::string root);

  // Empty when nothing can be read.
  std::vector<Listening> read() const;

 private:
  const std::string root_;
  const UniqueFd diag_;  // may be none
};

// The answers to one sock_diag question, as they came in `bytes`, are added to `all`. True once the last one
// was there; nullopt when they are not what was asked for.
std::optional<bool> parse_diag(const char* bytes, std::size_t size, std::vector<Listening>& all);

}  // namespace sidestep::sidecar
