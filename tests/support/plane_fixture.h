// A real data plane on loopback between raw clients and raw apps; the test plays the control thread.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lib/loop/socket.h"
#include "sidecar/io/plane.h"
#include "tests/support/raw_app.h"

namespace sidestep::test {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PlaneTest : public ::testing::Test {
 protected:
  ~PlaneTest() override {
    if (plane_) plane_->stop();
  }

  void start(sidecar::RouteTable table) {
    auto listener = listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(listener) << listener.error().detail;
    port_ = local_port(listener->get());
    sidecar::PlaneEvents events;
    events.idle = [this](sidecar::Generation generation, std::uint64_t) { idle_.insert(generation); };
    plane_ = sidecar::make_plane(options_, std::move(events), [this](std::function<void()> call) {
      const std::lock_guard<std::mutex> lock(mutex_);
      calls_.push_back(std::move(call));
      called_.notify_one();
    });
    plane_->start({listener->release()}, next(std::move(table)));
  }
  void publish(sidecar::RouteTable table) { plane_->publish(next(std::move(table))); }

  // Runs what the plane posts until `done`, for at most five seconds.
  bool wait(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::vector<std::function<void()>> calls;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        called_.wait_for(lock, std::chrono::milliseconds(5), [this] { return !calls_.empty(); });
        calls.swap(calls_);
      }
      for (auto& call : calls) call();
    }
    return true;
  }
  bool wait_idle(std::uint32_t generation) {
    return wait([&] { return idle_.count(sidecar::Generation{generation}) > 0; });
  }
  sidecar::GenerationCounters of(std::uint32_t generation) {
    for (const auto& counters : plane_->counters().generations) {
      if (counters.generation == sidecar::Generation{generation}) return counters;
    }
    return {};
  }
  RawConn client() { return connect_to(port_); }
  std::string get(const std::string& path = "/") {
    RawConn conn = client();
    conn.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return conn.read_message();
  }

  static sidecar::RouteEntry entry(std::uint32_t generation, const RawApp& app) {
    return {sidecar::Generation{generation}, {app.port(), {}}};
  }
  static sidecar::RouteTable active(std::uint32_t generation, const RawApp& app) {
    sidecar::RouteTable table;
    table.active = entry(generation, app);
    return table;
  }
  // Generation 2 has taken over; what generation 1 still serves is told with `close_code`, 0: kept, and has
  // so much time.
  static sidecar::RouteTable replaced(const RawApp& by, int close_code, Millis requests, Millis tunnels) {
    sidecar::RouteTable table = active(2, by);
    sidecar::Closing closing;
    closing.generation = sidecar::Generation{1};
    closing.tunnel_close_code = close_code;
    closing.requests_until = std::chrono::steady_clock::now() + requests;
    closing.tunnels_until = std::chrono::steady_clock::now() + tunnels;
    table.closing.push_back(closing);
    return table;
  }

  sidecar::Options options_;
  std::unique_ptr<sidecar::Plane> plane_;
  std::set<sidecar::Generation> idle_;
  std::uint16_t port_ = 0;

 private:
  sidecar::RouteTablePtr next(sidecar::RouteTable table) {
    table.version = ++version_;
    return std::make_shared<const sidecar::RouteTable>(std::move(table));
  }
  std::uint64_t version_ = 0;
  std::mutex mutex_;
  std::condition_variable called_;
  std::vector<std::function<void()>> calls_;  // guarded by mutex_
};

}  // namespace sidestep::test
