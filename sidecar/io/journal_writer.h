// Writes the journal off the control thread: a sync takes tens of milliseconds on some disks, and a reload
// must not wait for it. Only the newest record counts; one that was overtaken is never written.
//
// Ownership: owns its thread. Threads: write() and flush() from one thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "sidecar/io/journal.h"

namespace sidestep::sidecar {

class JournalWriter {
 public:
  explicit JournalWriter(const Journal& journal);
  ~JournalWriter();  // writes what is left
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  void write(std::string record);
  void flush();  // waits until everything is on disk, or has failed (which is logged)

 private:
  void run();

  const Journal& journal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> next_;  // guarded by mutex_
  bool is_writing_ = false;          // guarded by mutex_
  bool is_ending_ = false;           // guarded by mutex_
  std::thread thread_;               // started last
};

}  // namespace sidestep::sidecar
