// Threads on demand, up to a bound: none at rest, so that an idle sidecar pays for none. Jobs beyond the
// bound queue. Any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "lib/base/clock.h"

namespace sidestep::sidecar {

class ThreadPool {
 public:
  explicit ThreadPool(std::size_t most, Millis idle = Millis(5'000)) : most_(most), idle_(idle) {}
  ~ThreadPool() { shutdown(); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void enqueue(std::function<void()> job);
  // Runs what is queued, then ends all threads. Idempotent.
  void shutdown();
  std::size_t threads() const;

 private:
  void work(std::list<std::thread>::iterator self);

  const std::size_t most_;
  const Millis idle_;  // a thread without work ends after it
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::list<std::thread> threads_;
  std::list<std::thread> ended_;  // to be joined
  std::size_t waiting_ = 0;       // threads without work
  bool is_stopping_ = false;
};

}  // namespace sidestep::sidecar
