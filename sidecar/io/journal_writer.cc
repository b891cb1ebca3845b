#include "sidecar/io/journal_writer.h"

#include <utility>

#include "lib/base/log.h"

namespace sidestep::sidecar {

JournalWriter::JournalWriter(const Journal& journal) : journal_(journal), thread_([this] { run(); }) {}

JournalWriter::~JournalWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void JournalWriter::write(std::string record) {
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(record);
  }
  changed_.notify_all();
}

void JournalWriter::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !next_ && !is_writing_; });
}

void JournalWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return next_ || is_ending_; });
    if (!next_) return;
    const std::string record = *std::exchange(next_, std::nullopt);
    is_writing_ = true;
    lock.unlock();
    const Status written = journal_.write(record);
    if (!written) log::error("the journal cannot be written", {{"error", written.error().detail}});
    lock.lock();
    is_writing_ = false;
    changed_.notify_all();
  }
}

}  // namespace sidestep::sidecar
