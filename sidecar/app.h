// Composition root of the worker: the only place that constructs its parts and connects them. No decisions.
//
// Order of a start: parent's words, journal, launcher's socket, listeners (nothing else begins without them),
// control port, plane and driver. Everything is owned here; one loop, on the thread that calls run().
#pragma once

#include <memory>

#include "sidecar/config/options.h"

namespace sidestep::sidecar {

class App {
 public:
  // `channel` is the socket to the parent; -1: there is none.
  App(Options options, int channel);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Returns the exit status of the process.
  int run();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sidestep::sidecar
