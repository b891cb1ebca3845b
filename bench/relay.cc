// A measuring stick, not a product: relays bytes between a client and an app and reads none of them. What it
// costs per request is the floor that the kernel sets for any proxy with TCP on both sides; the difference to
// a real proxy is what parsing, routing and counting cost.
//
// One thread, level-triggered epoll, one shared 64 KiB buffer. Each client has an app connection of its own,
// taken from a pool and given back when the client leaves (it cannot know where a request ends). A peer that
// does not take bytes at once is closed: benchmarks of small messages never meet that.
//
// usage: relay LISTEN_PORT APP_PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr int kMaxEvents = 256;
constexpr std::size_t kBuffer = 64 * 1024;
constexpr int kBacklog = 4096;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int make_socket(int flags) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

struct Leg {
  int fd;
  bool is_client;
  Leg* other;
};

class Relay {
 public:
  Relay(int listen_port, int app_port) : app_(loopback(app_port)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = make_socket(SOCK_NONBLOCK);
    const sockaddr_in address = loopback(listen_port);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, kBacklog) != 0) {
      std::perror("relay: listen");
      std::exit(1);
    }
    watch(listener_, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, kMaxEvents> events{};
    for (;;) {
      const int n = ::epoll_wait(epoll_, events.data(), kMaxEvents, -1);
      for (int i = 0; i < n; ++i) {
        auto* leg = static_cast<Leg*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (leg == nullptr) {
          accept_one();
        } else if (leg->fd >= 0) {
          forward(leg);
        }
      }
      closed_.clear();
    }
  }

 private:
  void watch(int fd, Leg* leg) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = leg;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  int app_connection() {
    if (!pool_.empty()) {
      const int fd = pool_.back();
      pool_.pop_back();
      return fd;
    }
    const int fd = make_socket(0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&app_), sizeof app_) == 0) return fd;
    ::close(fd);
    return -1;
  }

  void accept_one() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int app = app_connection();
    if (app < 0) {
      ::close(client);
      return;
    }
    auto* client_leg = new Leg{client, true, nullptr};
    auto* app_leg = new Leg{app, false, client_leg};
    client_leg->other = app_leg;
    watch(client, client_leg);
    watch(app, app_leg);
  }

  void forward(Leg* leg) {
    const ssize_t n = ::recv(leg->fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0 && ::send(leg->other->fd, buffer_.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) == n)
      return;
    end(leg->is_client ? leg : leg->other, /*app_lives=*/n == 0 && leg->is_client);
  }

  void end(Leg* client, bool app_lives) {
    ::close(client->fd);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, client->other->fd, nullptr);
    if (app_lives) {
      pool_.push_back(client->other->fd);
    } else {
      ::close(client->other->fd);
    }
    client->fd = client->other->fd = -1;
    closed_.emplace_back(client->other);  // Freed after the batch: later events of it may still name them.
    closed_.emplace_back(client);
  }

  const sockaddr_in app_;
  const int epoll_;
  int listener_ = -1;
  std::vector<int> pool_;
  std::vector<std::unique_ptr<Leg>> closed_;
  std::array<char, kBuffer> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: relay LISTEN_PORT APP_PORT\n", stderr);
    return 2;
  }
  auto relay = std::make_unique<Relay>(std::atoi(argv[1]), std::atoi(argv[2]));
  relay->run();
}
