// One thread's event loop: epoll (level-triggered), timers, and functions posted by other threads. The only
// epoll user.
//
// Does not own descriptors or handlers, and does not read or write them.
//
// A handler whose descriptor was removed is never called again, not even for an event that was already
// fetched, and also when the descriptor's number has been given to another file meanwhile. Whoever wants to
// destroy itself from within a call hands itself to destroy_later().
//
// Threads: run() and all else belong to one thread; only post() and stop() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/base/clock.h"
#include "lib/loop/socket.h"
#include "lib/loop/timers.h"

namespace sidestep {

struct IoHandler {
  // `events` as epoll gives them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR).
  virtual void on_io(std::uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

// Base of objects that are destroyed by destroy_later().
struct Deletable {
  virtual ~Deletable() = default;
};

// Which of the events that one wait fetched are given out first.
enum class Order : std::uint8_t { kFirst, kAfter };

class EventLoop {
 public:
  // Opens two descriptors. Throws std::system_error when the process may not open any more.
  explicit EventLoop(const Clock& clock = system_clock());
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // False when `fd` is negative, or the kernel refuses (limit of watches, memory, or a file that cannot be
  // watched): errno says which. The handler must be removed before it dies and before the descriptor is
  // closed.
  bool add(int fd, std::uint32_t events, IoHandler* handler, Order order = Order::kAfter);
  // From now on another handler has what was added; the events stay. No system call.
  void hand_over(int fd, IoHandler* handler);
  void modify(int fd, std::uint32_t events);  // 0: only errors and hang-ups are reported
  void remove(int fd);                        // idempotent

  // Any thread. The function runs in the loop's thread, in order; many posts cost one wake-up. Functions
  // posted after the loop has stopped are destroyed unrun.
  void post(std::function<void()> function);

  // Timers: coarse (TimerWheel::kTick). A timer must be disarmed or destroyed before the loop is.
  void arm(Timer& timer, Millis delay) { timers_.arm(timer, now_ + delay); }
  void arm_at(Timer& timer, TimePoint deadline) { timers_.arm(timer, deadline); }
  void cancel(Timer& timer) { timers_.cancel(timer); }

  // The time, read once per turn.
  TimePoint now() const { return now_; }

  // Destroyed at the end of the turn, when nobody of this turn can refer to it any more.
  void destroy_later(std::unique_ptr<Deletable> object) { doomed_.push_back(std::move(object)); }
  // Called at the end of each turn, before destroy_later() takes effect: for work that is better done in
  // batches.
  void set_turn_end(std::function<void()> function) { turn_end_ = std::move(function); }

  void run();                          // until stop()
  void run_once(Millis longest_wait);  // one turn; for tests and for loops inside loops' owners
  void stop();                         // any thread; idempotent

 private:
  static constexpr int kBatch = 512;
  struct Slot {
    IoHandler* handler = nullptr;
    std::uint32_t serial = 0;  // of the registration; a stale event carries another one
    Order order = Order::kAfter;
  };

  void dispatch(std::uint64_t data, std::uint32_t events);
  void run_posted();
  int wait_time(Millis longest_wait) const;
  void turn(Millis longest_wait);

  const Clock& clock_;
  UniqueFd epoll_;
  UniqueFd wake_;
  TimePoint now_;
  TimerWheel timers_;
  std::vector<Slot> slots_;  // by descriptor
  std::uint32_t next_serial_ = 1;
  std::vector<std::unique_ptr<Deletable>> doomed_;
  std::function<void()> turn_end_;
  std::atomic<bool> is_stopping_{false};

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
};

}  // namespace sidestep
