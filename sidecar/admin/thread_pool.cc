#include "sidecar/admin/thread_pool.h"

namespace sidestep::sidecar {

void ThreadPool::enqueue(std::function<void()> job) {
  std::list<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ended.swap(ended_);
    if (jobs_.size() > waiting_ && threads_.size() < most_ && !is_stopping_) {
      threads_.emplace_back();
      const auto self = std::prev(threads_.end());
      *self = std::thread([this, self] { work(self); });
    }
  }
  changed_.notify_one();
  for (std::thread& thread : ended) thread.join();
}

void ThreadPool::work(std::list<std::thread>::iterator self) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++waiting_;
    const bool woken = changed_.wait_for(lock, idle_, [this] { return !jobs_.empty() || is_stopping_; });
    --waiting_;
    if (!jobs_.empty()) {
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
      continue;
    }
    if (!woken || is_stopping_) {
      ended_.splice(ended_.end(), threads_, self);
      changed_.notify_all();
      return;
    }
  }
}

void ThreadPool::shutdown() {
  std::unique_lock lock(mutex_);
  is_stopping_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return threads_.empty(); });
  std::list<std::thread> ended;
  ended.swap(ended_);
  lock.unlock();
  for (std::thread& thread : ended) thread.join();
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

}  // namespace sidestep::sidecar
