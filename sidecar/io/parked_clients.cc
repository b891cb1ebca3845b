#include "sidecar/io/parked_clients.h"

#include <limits>
#include <new>
#include <utility>

namespace sidestep::sidecar {

// Known in this file alone.
struct ParkedClients::Parked final : IoHandler {
  Parked(ParkedClients& owner, SilentClient client)
      : parking(owner),
        since(client.since),
        requests(client.requests),
        fd(client.fd.release()),
        peer(client.peer),
        listener(client.listener) {}

  void on_io(std::uint32_t events) override {
    ParkedClients& owner = parking;  // this place is free once the client has left
    SilentClient client{UniqueFd(fd), peer, listener, requests, since};
    owner.leave(*this);
    owner.owner_.speaks(std::move(client), events);
  }

  ParkedClients& parking;
  Parked* previous = nullptr;
  Parked* next = nullptr;  // of the free places too
  TimePoint since;
  std::uint32_t requests;
  int fd;
  PeerAddress peer;
  std::uint16_t listener;
};

ParkedClients::ParkedClients(EventLoop& loop, Owner owner) : loop_(loop), owner_(std::move(owner)) {
  static_assert(sizeof(Parked) <= 72);
}

ParkedClients::~ParkedClients() { close_all(); }

void* ParkedClients::place() {
  if (free_ != nullptr) return std::exchange(free_, free_->next);
  constexpr std::size_t kPlaces = kSlabBytes / sizeof(Parked);
  if (slabs_.empty() || used_ == kPlaces) {
    slabs_.emplace_back(new std::byte[kSlabBytes]);  // pages that nobody uses cost nothing
    used_ = 0;
  }
  return slabs_.back().get() + used_++ * sizeof(Parked);
}

void ParkedClients::add(SilentClient client) {
  auto* parked = new (place()) Parked(*this, std::move(client));
  parked->previous = last_;
  (last_ == nullptr ? first_ : last_->next) = parked;
  last_ = parked;
  ++size_;
  loop_.hand_over(parked->fd, parked);
}

// The place is free afterwards.
void ParkedClients::leave(Parked& parked) {
  (parked.previous == nullptr ? first_ : parked.previous->next) = parked.next;
  (parked.next == nullptr ? last_ : parked.next->previous) = parked.previous;
  parked.next = free_;
  free_ = &parked;
  if (--size_ > 0) return;
  free_ = nullptr;
  slabs_.clear();
}

void ParkedClients::close(Parked& parked) {
  const UniqueFd fd(parked.fd);
  const PeerAddress peer = parked.peer;
  loop_.remove(fd.get());
  leave(parked);
  owner_.closed(peer);
}

std::size_t ParkedClients::close_silent(TimePoint since, std::size_t most) {
  std::size_t closed = 0;
  for (; closed < most && first_ != nullptr && first_->since <= since; ++closed) close(*first_);
  return closed;
}

void ParkedClients::close_all() { close_silent(TimePoint::max(), std::numeric_limits<std::size_t>::max()); }

}  // namespace sidestep::sidecar
