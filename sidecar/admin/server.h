// Brings calls from the door to the ControlApi: cpp-httplib on a Unix socket that only the door knows how to
// use. The only unit of the sidecar's server side that includes cpp-httplib, and never first to read bytes
// from the network.
//
// Ownership: owns its threads. Threads: construct, start and stop on one thread. At rest there is one thread;
// calls get up to `most_threads` more, which end after a while without work.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "sidecar/admin/api.h"

namespace sidestep::sidecar {

class ControlServer {
 public:
  // `api` outlives this. Calls without `door_token` are refused.
  ControlServer(ControlApi& api, std::string socket_path, std::string door_token, std::size_t max_body_bytes,
                std::size_t most_threads);
  ~ControlServer();  // stop()
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // REQUIRES: called once.
  Status start();
  // Waits for running calls; let ControlApi::stop() be called before. Idempotent.
  void stop();

 private:
  class Impl;

  ControlApi& api_;
  const std::string socket_path_;
  const std::string door_token_;
  const std::size_t max_body_bytes_;
  const std::size_t most_threads_;
  std::unique_ptr<Impl> impl_;  // from start() on: cpp-httplib is not touched before
};

}  // namespace sidestep::sidecar
