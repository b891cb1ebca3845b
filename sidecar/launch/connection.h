// The launcher's connection to the proxy: connects, tries again every few milliseconds while there is none,
// and cuts what arrives into frames. Knows no message but that a Hello comes first (given by the owner).
//
// Frames sent while the owner has not called set_ready() wait, bounded; the oldest are dropped and counted.
// Threads: the launcher's one.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "sidecar/launch/generations.h"
#include "sidecar/launch/poll_set.h"
#include "sidecar/launch/protocol.h"

namespace sidestep::launch {

class Connection final : public Outbox {
 public:
  static constexpr std::size_t kMaxWaiting = 256;        // frames without a proxy
  static constexpr std::size_t kMaxUnsent = 16U << 20U;  // bytes to a proxy that does not read
  static constexpr Millis kRetryPeriod{25};

  struct Owner {
    virtual std::string hello() = 0;
    virtual void on_frame(const Frame& frame,
                          std::vector<UniqueFd>& fds) = 0;  // may take descriptors off the front
    virtual void on_lost() = 0;

   protected:
    ~Owner() = default;
  };

  Connection(std::string path, Owner& owner) : path_(std::move(path)), owner_(owner) {}

  void send(std::string frame) override;
  void send_now(std::string frame, std::vector<int> fds = {});  // before all that waits; for State
  // The proxy has let us in: what waits is sent.
  void set_ready();
  void close();

  bool is_ready() const { return is_ready_; }
  bool is_open() const { return static_cast<bool>(socket_); }
  void watch(PollSet& set);
  void tick();  // connects again when it is time
  Millis longest_wait() const;

 private:
  struct Part {
    std::string bytes;
    std::vector<UniqueFd> fds;  // duplicates, sent with the first byte
    std::size_t sent = 0;
    bool is_report = false;  // kept for the next proxy when this one leaves before it was sent whole
  };

  void read();
  void flush();
  void keep(std::string frame);
  void enqueue(Part part);

  std::string path_;
  Owner& owner_;
  UniqueFd socket_;
  FrameReader reader_;
  std::vector<UniqueFd> received_;
  std::deque<Part> unsent_;
  std::size_t unsent_bytes_ = 0;
  std::deque<std::string> waiting_;
  bool is_ready_ = false;
  TimePoint try_at_{};
};

}  // namespace sidestep::launch
