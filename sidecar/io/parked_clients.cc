#include "sidecar/io/parked_clients.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <new>
#include <ratio>
#include <utility>

namespace sidestep::sidecar {

namespace {

// Times in four bytes: 64 ms are little beside an idle timeout, and 2^32 of them are eight years since boot.
using Moment = std::chrono::duration<std::uint32_t, std::ratio<64, 1'000>>;

Moment moment_of(TimePoint time) {
  return Moment(static_cast<std::uint32_t>(time.time_since_epoch() / Millis{64}));
}

// Its request has arrived; the loop has not told yet.
bool has_spoken(int fd) {
  int waiting = 0;
  return ::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

}  // namespace

// Known in this file alone.
struct ParkedClients::Parked final : IoHandler {
  Parked(ParkedClients& owner, SilentClient client)
      : parking(owner),
        since(moment_of(client.since)),
        requests(client.requests),
        fd(client.fd.release()),
        ip(client.peer.ip),
        port(client.peer.port),
        listener(client.listener) {}

  PeerAddress peer() const { return {ip, port}; }

  void on_io(std::uint32_t events) override {
    ParkedClients& owner = parking;  // this place is free once the client has left
    SilentClient client{UniqueFd(fd), peer(), listener, requests, TimePoint(since)};
    owner.leave(*this);
    owner.owner_.speaks(std::move(client), events);
  }

  ParkedClients& parking;
  Parked* previous = nullptr;
  Parked* next = nullptr;  // of the free places too
  Moment since;
  std::uint32_t requests;
  int fd;
  in6_addr ip;
  std::uint16_t port;
  std::uint16_t listener;
};

ParkedClients::ParkedClients(EventLoop& loop, Owner owner) : loop_(loop), owner_(std::move(owner)) {
  static_assert(sizeof(Parked) <= 64);
}

void ParkedClients::Unmap::operator()(void* slab) const { ::munmap(slab, kSlabBytes); }

ParkedClients::~ParkedClients() { close_all(); }

void* ParkedClients::place() {
  if (free_ != nullptr) return std::exchange(free_, free_->next);
  constexpr std::size_t kPlaces = kSlabBytes / sizeof(Parked);
  if (slabs_.empty() || used_ == kPlaces) {
    // Pages that nobody uses cost nothing; those of the heap stay free of us.
    void* slab = ::mmap(nullptr, kSlabBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED) throw std::bad_alloc();
    slabs_.emplace_back(slab);
    used_ = 0;
  }
  return static_cast<std::byte*>(slabs_.back().get()) + used_++ * sizeof(Parked);
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
  const PeerAddress peer = parked.peer();
  loop_.remove(fd.get());
  leave(parked);
  owner_.closed(peer);
}

std::size_t ParkedClients::close_silent(TimePoint since, std::size_t most) {
  std::size_t closed = 0;
  while (closed < most && first_ != nullptr && first_->since <= moment_of(since) && !has_spoken(first_->fd)) {
    close(*first_);
    ++closed;
  }
  return closed;
}

void ParkedClients::close_all() {
  while (first_ != nullptr) close(*first_);
}

}  // namespace sidestep::sidecar
