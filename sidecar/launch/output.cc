#include "sidecar/launch/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sidestep::launch {

namespace {

constexpr std::size_t kPipeAtomic =
    4'096;  // PIPE_BUF: a pipe that polls writable takes that much without waiting

}  // namespace

void OutputTail::end_line() {
  if (is_cut_) open_line_ += " …";
  lines_.push_back(std::move(open_line_));
  open_line_.clear();
  is_cut_ = false;
  if (lines_.size() > kMaxLines) lines_.pop_front();
}

void OutputTail::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const std::size_t room = kMaxLineBytes - std::min(kMaxLineBytes, open_line_.size());
    open_line_.append(part.substr(0, room));
    is_cut_ = is_cut_ || part.size() > room;
    if (end == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

std::vector<std::string> OutputTail::lines() const {
  std::vector<std::string> all(lines_.begin(), lines_.end());
  if (!open_line_.empty()) all.push_back(open_line_ + (is_cut_ ? " …" : ""));
  if (all.size() > kMaxLines) all.erase(all.begin());
  return all;
}

OutputSink::OutputSink(int fd) : fd_(fd), kind_(Kind::kPolled) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return;
  if (S_ISSOCK(info.st_mode)) kind_ = Kind::kSocket;
  if (S_ISREG(info.st_mode)) kind_ = Kind::kFile;
  if (!S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode)) return;
  own_.reset(
      open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (own_) kind_ = Kind::kNonBlocking;
}

ssize_t OutputSink::put(std::string_view bytes) {
  switch (kind_) {
    case Kind::kNonBlocking:
      return ::write(own_.get(), bytes.data(), bytes.size());
    case Kind::kSocket:
      return send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kFile:
      return ::write(fd_, bytes.data(), bytes.size());
    case Kind::kPolled:
      break;
  }
  pollfd state{fd_, POLLOUT, 0};
  if (poll(&state, 1, 0) != 1 || (state.revents & POLLOUT) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd_, bytes.data(), std::min(bytes.size(), kPipeAtomic));
}

void OutputSink::enqueue(std::string_view bytes) {
  const std::size_t room = kMaxPending - std::min(kMaxPending, pending_.size());
  const std::size_t taken = std::min(room, bytes.size());
  pending_.append(bytes.substr(0, taken));
  dropped_ += bytes.size() - taken;
  dropped_total_ += bytes.size() - taken;
}

void OutputSink::write(std::string_view bytes) {
  if (dropped_ > 0 && pending_.empty()) {
    pending_ = "\nsidestep-launch: " + std::to_string(dropped_) +
               " bytes of output dropped: nobody read them in time\n";
    dropped_ = 0;
  }
  enqueue(bytes);
  flush();
}

void OutputSink::flush() {
  while (!pending_.empty()) {
    const ssize_t put_bytes = put(pending_);
    if (put_bytes < 0 && errno == EINTR) continue;
    if (put_bytes < 0 && errno == EAGAIN) return;
    if (put_bytes < 0) {  // closed for good
      dropped_total_ += pending_.size();
      pending_.clear();
      return;
    }
    pending_.erase(0, static_cast<std::size_t>(put_bytes));
  }
}

}  // namespace sidestep::launch
