#include "sidecar/local/worker_process.h"

#include <sys/epoll.h>
#include <sys/socket.h>

namespace sidestep::sidecar {

WorkerProcess::WorkerProcess(EventLoop& loop, int number, UniqueFd channel, Owner& owner)
    : loop_(loop), owner_(owner), number_(number), channel_(std::move(channel)) {
  started_at = loop_.now();
  // One that was adopted while it ended has none any more.
  if (channel_) loop_.add(channel_.get(), EPOLLIN, this);
}

WorkerProcess::~WorkerProcess() { loop_.remove(channel_.get()); }

Child::OnExit WorkerProcess::on_exit() {
  return [this](ExitStatus exit) {
    on_io(0);  // what it said last
    owner_.on_ended(*this, exit);
  };
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(EventLoop& loop, Start start, Owner& owner) {
  auto channel = socket_pair(SOCK_SEQPACKET);
  if (!channel) return channel.error();
  ChildSpec spec;
  spec.path = start.program;
  spec.argv = std::move(start.arguments);
  spec.env = std::move(start.env);
  spec.fds = {{channel->second.get(), kChannel}};
  if (start.handover) spec.fds.emplace_back(start.handover.get(), kHandover);
  spec.new_session = true;  // a terminal's signals reach it once, through us
  spec.dies_with_us = true;
  auto worker =
      std::unique_ptr<WorkerProcess>(new WorkerProcess(loop, start.number, std::move(channel->first), owner));
  auto child = Child::start(loop, spec, worker->on_exit());
  if (!child) return child.error();
  worker->child_ = std::move(*child);
  return worker;
}

std::unique_ptr<WorkerProcess> WorkerProcess::adopt(EventLoop& loop, pid_t pid, int number, UniqueFd channel,
                                                    Owner& owner) {
  auto worker = std::unique_ptr<WorkerProcess>(new WorkerProcess(loop, number, std::move(channel), owner));
  worker->child_ = Child::adopt(loop, pid, worker->on_exit());
  return worker;
}

bool WorkerProcess::tell(const std::string& text, int fd) {
  return channel_ && send_fd_message(channel_.get(), text, fd);
}

void WorkerProcess::on_io(std::uint32_t /*events*/) {
  FdMessage message;
  while (channel_) {
    const Receive got = receive_fd_message(channel_.get(), message);
    if (got == Receive::kNothing) return;
    if (got == Receive::kClosed) {
      loop_.remove(channel_.get());
      channel_.reset();
      return;
    }
    owner_.on_message(*this, std::move(message));
  }
}

}  // namespace sidestep::sidecar
