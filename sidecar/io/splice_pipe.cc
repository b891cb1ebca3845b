#include "sidecar/io/splice_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sidestep::sidecar {
namespace {

constexpr int kCapacity = 1 << 18;  // of what one move takes, a slow client may leave all to be kept
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

bool SplicePipe::open() {
  if (state_ != State::kNone) return state_ == State::kOpen;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    state_ = State::kUnavailable;
    return false;
  }
  out_ = UniqueFd(ends[0]);
  in_ = UniqueFd(ends[1]);
  ::fcntl(in_.get(), F_SETPIPE_SZ, kCapacity);  // refused: smaller moves, and more of them
  state_ = State::kOpen;
  return true;
}

ssize_t SplicePipe::fill(int socket, std::size_t most) {
  const ssize_t count = ::splice(socket, nullptr, in_.get(), nullptr, most, kFlags);
  if (count > 0) bytes_ = static_cast<std::size_t>(count);
  if (count < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) state_ = State::kUnavailable;
  return count;
}

SendState SplicePipe::drain(int socket, Buffer& rest, std::uint64_t& sent, char* scratch, std::size_t size) {
  while (bytes_ > 0 && rest.empty()) {
    const ssize_t count = ::splice(out_.get(), nullptr, socket, nullptr, bytes_, kFlags);
    if (count > 0) {
      bytes_ -= static_cast<std::size_t>(count);
      sent += static_cast<std::uint64_t>(count);
      continue;
    }
    const bool is_full = count == 0 || errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
    keep(rest, scratch, size);
    if (!is_full) {
      rest.clear();
      return SendState::kBroken;
    }
  }
  keep(rest, scratch, size);
  return rest.empty() ? SendState::kAll : SendState::kSome;
}

void SplicePipe::keep(Buffer& rest, char* scratch, std::size_t size) {
  while (bytes_ > 0) {
    const ssize_t count = ::read(out_.get(), scratch, std::min(size, bytes_));
    if (count <= 0) break;  // cannot be: so many bytes are in it
    rest.append({scratch, static_cast<std::size_t>(count)});
    bytes_ -= static_cast<std::size_t>(count);
  }
  bytes_ = 0;
}

}  // namespace sidestep::sidecar
