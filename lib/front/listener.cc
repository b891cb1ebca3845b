#include "lib/front/listener.h"

#include <sys/epoll.h>

#include <cerrno>

namespace sidestep::front {
namespace {

constexpr Millis kRest{100};      // out of descriptors: the socket would wake us all the time
constexpr int kAcceptBatch = 32;  // per wake-up, so that others get their turn

}  // namespace

Listener::Listener(EventLoop& loop, UniqueFd socket, std::function<void(UniqueFd)> admit,
                   std::function<void()> exhausted)
    : loop_(loop), socket_(std::move(socket)), admit_(std::move(admit)), exhausted_(std::move(exhausted)) {
  watch();
}

Listener::~Listener() { loop_.remove(socket_.get()); }

void Listener::watch() { loop_.add(socket_.get(), EPOLLIN, this); }

void Listener::on_io(std::uint32_t) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    UniqueFd client = accept_connection(socket_.get());
    if (client) {
      admit_(std::move(client));
      continue;
    }
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
    exhausted_();
    loop_.remove(socket_.get());
    return loop_.arm(rest_, kRest);
  }
}

}  // namespace sidestep::front
