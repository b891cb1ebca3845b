// One worker as the parent holds it: the process and the socket to it. Starts it, or takes over one that an
// earlier program of this process started. Decides nothing. Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/loop/child.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/fd_channel.h"

namespace sidestep::sidecar {

class WorkerProcess final : public IoHandler, public Deletable {
 public:
  static constexpr int kChannel = 3;   // where a worker finds the socket to us
  static constexpr int kHandover = 4;  // and, when it replaces another one, the socket to that

  // Nothing is called from within start(), tell() or kill(). After `ended` nothing is called any more; the
  // process may be given to destroy_later() from within.
  struct Owner {
    virtual void on_message(WorkerProcess& worker, FdMessage message) = 0;
    virtual void on_ended(WorkerProcess& worker, ExitStatus exit) = 0;

   protected:
    ~Owner() = default;
  };

  struct Start {
    std::string program;
    std::vector<std::string> arguments;
    std::vector<std::string> env;
    int number = 0;     // of all workers of this proxy
    UniqueFd handover;  // may be empty
  };
  static Result<std::unique_ptr<WorkerProcess>> start(EventLoop& loop, Start start, Owner& owner);
  static std::unique_ptr<WorkerProcess> adopt(EventLoop& loop, pid_t pid, int number, UniqueFd channel,
                                              Owner& owner);
  ~WorkerProcess() override;

  // False: it is gone, or takes nothing any more.
  bool tell(const std::string& text, int fd = -1);
  void send_signal(int number) { child_->send_signal(number); }

  int number() const { return number_; }
  pid_t pid() const { return child_->pid(); }
  int channel() const { return channel_.get(); }

  void on_io(std::uint32_t events) override;

  // What the parent remembers of it.
  bool is_ready = false;
  TimePoint started_at{};
  TimePoint retired_at{};
  bool was_told_to_end = false;
  std::string last_words;  // why it cannot go on, in its own words

 private:
  WorkerProcess(EventLoop& loop, int number, UniqueFd channel, Owner& owner);
  Child::OnExit on_exit();

  EventLoop& loop_;
  Owner& owner_;
  const int number_;
  UniqueFd channel_;
  std::unique_ptr<Child> child_;
};

}  // namespace sidestep::sidecar
