// /healthz, /readyz and /metrics of the operator, for kubelet and Prometheus: one request per connection, GET
// only, a small head, two seconds. Requests are read by the strict parser of lib/http.
//
// Threads: run() is one; the answers are made in it.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "lib/base/result.h"
#include "lib/loop/socket.h"

namespace sidestep::op {

struct HealthAnswers {
  std::function<std::string()> live;     // "" when well, otherwise what is wrong
  std::function<std::string()> ready;    // the same
  std::function<std::string()> metrics;  // the text
};

class HealthServer {
 public:
  explicit HealthServer(HealthAnswers answers) : answers_(std::move(answers)) {}

  // `listen` is ADDRESS:PORT, [ADDRESS]:PORT or :PORT (all addresses). The error names it.
  Status start(const std::string& listen);
  // Until `stop` is requested. REQUIRES: start() succeeded.
  void run(std::stop_token stop);
  std::uint16_t port() const;

 private:
  void serve(int connection);
  std::string answer(std::string_view head_bytes, bool* is_complete) const;

  const HealthAnswers answers_;
  UniqueFd listener_;
};

}  // namespace sidestep::op
