// Composition root of the sidecar: the only place that constructs its parts and connects them. No decisions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/options.h"

namespace sidestep::sidecar {

class App {
 public:
  explicit App(Options options);
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
