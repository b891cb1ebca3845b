#include "lib/k8s/pause.h"

#include <condition_variable>
#include <mutex>

namespace sidestep::k8s {

void pause_for(Millis duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, duration, [] { return false; });
}

}  // namespace sidestep::k8s
