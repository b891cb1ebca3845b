// What the app prints: the last lines are kept for the verdict, and everything is passed through to our own
// output.
//
// Never blocks: when nobody reads our output, bytes are dropped and counted, and the app goes on.
// Threads: the launcher's one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

// The last lines of one generation, both streams together. Pure.
class OutputTail {
 public:
  static constexpr std::size_t kMaxLines = 50;
  static constexpr std::size_t kMaxLineBytes = 2'048;  // what a line has more is cut and marked

  void add(std::string_view bytes);
  std::vector<std::string> lines() const;  // oldest first; an unfinished line counts

 private:
  void end_line();

  std::deque<std::string> lines_;
  std::string open_line_;
  bool is_cut_ = false;
};

// One of our own output descriptors.
class OutputSink {
 public:
  static constexpr std::size_t kMaxPending = 256U << 10U;

  explicit OutputSink(int fd);  // does not own it

  void write(std::string_view bytes);
  void flush();  // when writable() again
  bool has_pending() const { return !pending_.empty(); }
  int fd() const { return own_ ? own_.get() : fd_; }
  std::uint64_t dropped() const { return dropped_total_; }

 private:
  enum class Kind : std::uint8_t { kNonBlocking, kSocket, kFile, kPolled };

  ssize_t put(std::string_view bytes);
  void enqueue(std::string_view bytes);

  int fd_;
  UniqueFd
      own_;  // the same pipe or terminal, opened anew, so that others who hold it are not made non-blocking
  Kind kind_;
  std::string pending_;
  std::uint64_t dropped_ = 0;  // since the last time it was said
  std::uint64_t dropped_total_ = 0;
};

}  // namespace sidestep::launch
