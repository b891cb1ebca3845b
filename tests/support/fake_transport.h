// A server that answers from a script and remembers what it was asked. send() may be called by any thread.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "lib/k8s/transport.h"

namespace sidestep::test {

class FakeTransport final : public k8s::Transport {
 public:
  struct Stream {
    int status = 200;
    std::string body = {};
    std::vector<std::string> lines = {};
    bool broken = false;  // ends with an error after the lines
  };

  void answer(int status, std::string body, k8s::Headers headers = {}) {
    answers_.push_back(k8s::Response{status, std::move(headers), std::move(body)});
  }
  void fail() { answers_.push_back(unavailable("no answer")); }
  void stream(Stream stream) { streams_.push_back(std::move(stream)); }
  // Called when the script of streams has ended, to end the test's loop.
  void when_done(std::function<void()> done) { done_ = std::move(done); }

  Result<k8s::Response> send(const k8s::Request& request) override {
    const std::lock_guard lock(mutex_);
    requests.push_back(request);
    if (answers_.empty()) return unavailable("the script has no more answers");
    auto next = std::move(answers_.front());
    answers_.pop_front();
    return next;
  }

  Result<k8s::Response> watch(const k8s::Request& request, const k8s::LineSink& lines,
                              std::stop_token) override {
    requests.push_back(request);
    if (streams_.empty()) {
      if (done_) done_();
      return k8s::Response{200, {}, {}};
    }
    const Stream next = std::move(streams_.front());
    streams_.pop_front();
    if (next.status != 200) return k8s::Response{next.status, {}, next.body};
    for (const auto& line : next.lines)
      if (!lines(line)) return k8s::Response{200, {}, {}};
    if (next.broken) return unavailable("connection reset");
    return k8s::Response{200, {}, {}};
  }

  std::vector<k8s::Request> requests;

 private:
  std::mutex mutex_;
  std::deque<Result<k8s::Response>> answers_;
  std::deque<Stream> streams_;
  std::function<void()> done_;
};

}  // namespace sidestep::test
