// Short messages with at most one descriptor each, over a SOCK_SEQPACKET pair between a parent and its child.
// No state; any thread.
#pragma once

#include <optional>
#include <string>

#include "lib/loop/socket.h"

namespace sidestep {

struct FdMessage {
  std::string text;  // at most kMaxFdText bytes
  UniqueFd fd;       // may be empty
};
constexpr std::size_t kMaxFdText = 65'536;

// False when the other end is gone, or its queue is full.
bool send_fd_message(int channel, const std::string& text, int fd = -1);

enum class Receive : std::uint8_t { kMessage, kNothing, kClosed };
Receive receive_fd_message(int channel, FdMessage& message);

}  // namespace sidestep
