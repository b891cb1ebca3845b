#include "tests/support/raw_app.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <stdexcept>
#include <utility>

namespace sidestep::test {
namespace {

constexpr timeval kLimit{5, 0};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

RawConn::RawConn(int fd) : fd_(fd) {
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof kLimit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof kLimit);
}
RawConn::RawConn(RawConn&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}
RawConn::~RawConn() { close(); }

void RawConn::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void RawConn::reset() {
  const linger hard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

void RawConn::half_close() { ::shutdown(fd_, SHUT_WR); }

void RawConn::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

bool RawConn::fill() {
  char block[65536];
  const ssize_t count = fd_ < 0 ? 0 : ::recv(fd_, block, sizeof block, 0);
  if (count <= 0) return false;
  buffer_.append(block, static_cast<std::size_t>(count));
  return true;
}

std::string RawConn::read_until(std::string_view end) {
  std::size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos) {
    if (!fill()) return std::exchange(buffer_, {});
  }
  std::string read = buffer_.substr(0, at + end.size());
  buffer_.erase(0, at + end.size());
  return read;
}

std::string RawConn::read_bytes(std::size_t count) {
  while (buffer_.size() < count) {
    if (!fill()) return std::exchange(buffer_, {});
  }
  std::string read = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return read;
}

std::string RawConn::read_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool RawConn::at_end() {
  if (!buffer_.empty()) return false;
  char byte;
  return ::recv(fd_, &byte, 1, 0) == 0;
}

std::string RawConn::read_message() {
  std::string head = read_until("\r\n\r\n");
  const std::size_t at = head.find("Content-Length: ");
  const std::size_t lower = at == std::string::npos ? head.find("content-length: ") : at;
  if (lower == std::string::npos) return head;
  std::size_t length = 0;
  std::from_chars(head.data() + lower + 16, head.data() + head.size(), length);
  return head + read_bytes(length);
}

RawConn connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    throw std::runtime_error("connect refused");
  }
  return RawConn(fd);
}

RawApp::RawApp(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
  ::listen(listener_, 512);
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

void RawApp::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard<std::mutex> lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      RawConn conn(::dup(fd));
      handler_(conn);
      conn.close();
      const std::lock_guard<std::mutex> guard(mutex_);
      open_.remove(fd);
      ::close(fd);
    });
  }
}

void RawApp::stop_listening() { ::shutdown(listener_, SHUT_RDWR); }

RawApp::~RawApp() {
  stop_listening();
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

RawApp::Handler RawApp::answering(std::string body) {
  return [body = std::move(body)](RawConn& conn) {
    for (;;) {
      const std::string request = conn.read_message();
      if (request.find("\r\n\r\n") == std::string::npos) return;
      conn.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
  };
}

}  // namespace sidestep::test
