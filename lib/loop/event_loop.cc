#include "lib/loop/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace sidestep {

namespace {

constexpr std::uint64_t kWakeUp = ~std::uint64_t{0};
constexpr std::uint64_t kGoesFirst = std::uint64_t{1} << 31;  // no descriptor has that bit

epoll_event watched(int fd, std::uint32_t events, std::uint32_t serial, Order order) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t{serial} << 32) | static_cast<std::uint32_t>(fd);
  if (order == Order::kFirst) event.data.u64 |= kGoesFirst;
  return event;
}
constexpr Millis kLongestWait{60'000};

UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return UniqueFd(fd);
}

}  // namespace

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      now_(clock.steady()),
      timers_(now_) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeUp;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

EventLoop::~EventLoop() = default;

bool EventLoop::add(int fd, std::uint32_t events, IoHandler* handler, Order order) {
  if (fd < 0) {
    errno = EBADF;
    return false;
  }
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size())
    slots_.resize(index + 1);  // grows by factors; what it has in reserve stays untouched
  const Slot slot{handler, next_serial_++, order};
  epoll_event event = watched(fd, events, slot.serial, order);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return false;
  slots_[index] = slot;
  return true;
}

void EventLoop::hand_over(int fd, IoHandler* handler) {
  const auto index = static_cast<std::size_t>(fd);
  if (index < slots_.size() && slots_[index].handler != nullptr) slots_[index].handler = handler;
}

void EventLoop::modify(int fd, std::uint32_t events) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size() || slots_[index].handler == nullptr) return;
  epoll_event event = watched(fd, events, slots_[index].serial, slots_[index].order);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= slots_.size() || slots_[index].handler == nullptr) return;
  slots_[index] = {};
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::post(std::function<void()> function) {
  bool was_empty = false;
  {
    const std::lock_guard lock(posted_mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(function));
  }
  if (!was_empty) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof one);
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(posted_mutex_);
    batch.swap(posted_);
  }
  for (auto& function : batch) function();
}

void EventLoop::dispatch(std::uint64_t data, std::uint32_t events) {
  if (data == kWakeUp) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(wake_.get(), &count, sizeof count);
    run_posted();
    return;
  }
  const Slot& slot = slots_[static_cast<std::uint32_t>(data & ~kGoesFirst)];
  if (slot.handler == nullptr || slot.serial != data >> 32) return;  // removed earlier in this turn
  slot.handler->on_io(events);
}

int EventLoop::wait_time(Millis longest_wait) const {
  Millis wait = std::min(longest_wait, kLongestWait);
  if (const auto due = timers_.next_due()) {
    wait = std::clamp(std::chrono::ceil<Millis>(*due - clock_.steady()), Millis{0}, wait);
  }
  return static_cast<int>(wait.count());
}

void EventLoop::turn(Millis longest_wait) {
  std::array<epoll_event, kBatch> events;
  const int count = epoll_wait(epoll_.get(), events.data(), kBatch, wait_time(longest_wait));
  now_ = clock_.steady();
  for (const std::uint64_t pass : {kGoesFirst, std::uint64_t{0}}) {
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if ((event.data.u64 & kGoesFirst) == pass) dispatch(event.data.u64, event.events);
    }
  }
  timers_.advance(now_);
  if (turn_end_) turn_end_();
  // Destructors may doom more objects; those go at the end of the next turn.
  auto doomed = std::move(doomed_);
  doomed_.clear();
}

void EventLoop::run_once(Millis longest_wait) { turn(longest_wait); }

void EventLoop::run() {
  now_ = clock_.steady();
  while (!is_stopping_.load(std::memory_order_acquire)) turn(kLongestWait);
  is_stopping_.store(false, std::memory_order_release);
}

void EventLoop::stop() {
  is_stopping_.store(true, std::memory_order_release);
  post([] {});
}

}  // namespace sidestep
