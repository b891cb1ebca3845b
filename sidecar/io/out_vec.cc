#include "sidecar/io/out_vec.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kCopyBelow = 1024;  // bytes; a copy is cheaper than another piece
constexpr std::size_t kMostPieces = 64;
constexpr std::size_t kKeepCapacity = 16'384;  // of the text block between messages

bool is_full(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS;
}

}  // namespace

void OutVec::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (bytes.size() < kCopyBelow || pieces_.size() + 2 >= kMostPieces) {
    text_ += bytes;
    return;
  }
  close_text();
  pieces_.push_back({bytes.data(), 0, bytes.size()});
}

void OutVec::close_text() {
  if (text_.size() == text_begin_) return;
  pieces_.push_back({nullptr, text_begin_, text_.size() - text_begin_});
  text_begin_ = text_.size();
}

void OutVec::clear() {
  pieces_.clear();
  text_begin_ = 0;
  if (text_.capacity() > kKeepCapacity)
    std::string().swap(text_);
  else
    text_.clear();
}

SendState OutVec::send(int fd, Buffer& rest, std::uint64_t& sent) {
  close_text();
  if (pieces_.empty()) return rest.empty() ? SendState::kAll : SendState::kSome;
  if (!rest.empty()) return keep(rest, 0);
  std::array<iovec, kMostPieces + 2> vectors;
  std::size_t total = 0;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    vectors[i] = {const_cast<char*>(begin_of(piece)), piece.size};
    total += piece.size;
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = pieces_.size();
  const ssize_t count = pieces_.size() == 1
                            ? ::send(fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                            : ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && !is_full(errno)) {
    clear();
    return SendState::kBroken;
  }
  const std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  sent += taken;
  if (taken == total) {
    clear();
    return SendState::kAll;
  }
  return keep(rest, taken);
}

SendState OutVec::keep(Buffer& rest, std::size_t skip) {
  for (const Piece& piece : pieces_) {
    if (skip >= piece.size) {
      skip -= piece.size;
      continue;
    }
    rest.append({begin_of(piece) + skip, piece.size - skip});
    skip = 0;
  }
  clear();
  return SendState::kSome;
}

SendState send_rest(int fd, Buffer& rest, std::uint64_t& sent) {
  while (!rest.empty()) {
    const std::string_view bytes = rest.view();
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return is_full(errno) ? SendState::kSome : SendState::kBroken;
    sent += static_cast<std::uint64_t>(count);
    rest.consume(static_cast<std::size_t>(count));
    if (static_cast<std::size_t>(count) < bytes.size()) return SendState::kSome;
  }
  return SendState::kAll;
}

SendState send_or_keep(int fd, std::string_view bytes, Buffer& rest, std::uint64_t& sent) {
  if (!rest.empty()) {
    rest.append(bytes);
    return SendState::kSome;
  }
  const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && !is_full(errno)) return SendState::kBroken;
  const std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
  sent += taken;
  if (taken == bytes.size()) return SendState::kAll;
  rest.append(bytes.substr(taken));
  return SendState::kSome;
}

}  // namespace sidestep::sidecar
