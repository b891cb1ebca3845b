// The data plane alone, in front of an app that somebody else runs: what the request path costs, without
// control, launcher or command line. A measuring stick like relay.cc.
//
// usage: plane LISTEN_PORT APP_PORT [SHARDS]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "sidecar/io/plane.h"

namespace {

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 4096) == 0)
    return fd;
  std::perror("plane: listen");
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sidestep::sidecar;
  if (argc < 3) {
    std::fputs("usage: plane LISTEN_PORT APP_PORT [SHARDS]\n", stderr);
    return 2;
  }
  Options options;
  options.shards = argc > 3 ? std::atoi(argv[3]) : 1;
  auto table = std::make_shared<RouteTable>();
  table->version = 1;
  table->active = RouteEntry{Generation{1}, AppAddress{static_cast<std::uint16_t>(std::atoi(argv[2])), ""}};
  const auto ignore = [](const std::function<void()>&) {
  };  // Nothing changes here, so control has nothing to do.
  auto plane =
      make_plane(options, PlaneEvents{[](Generation, std::uint64_t) {}, [](Generation) {}, [] {}}, ignore);
  plane->start({listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])))}, table);
  ::pause();
}
