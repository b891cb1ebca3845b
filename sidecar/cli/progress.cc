#include "sidecar/cli/progress.h"

#include "sidecar/cli/render.h"

namespace sidestep::sidecar::cli {
namespace {

std::string starting(const wire::Reload& reload) {
  return "starting  generation " + std::to_string(reload.generation) + ", until it is ready";
}

std::string judging(const wire::Reload& reload, bool paused) {
  std::string text = "judging   generation " + std::to_string(reload.generation) + " takes " +
                     share_text(reload.weight_per_ten_thousand) + " of requests";
  if (reload.steps > 0)
    text += ", step " + std::to_string(reload.step) + " of " + std::to_string(reload.steps);
  return text + (paused ? ", paused" : "");
}

std::string draining(const wire::Reload& reload, const wire::Status& status) {
  std::uint64_t open = 0;
  for (const wire::Generation& g : status.retiring) open += g.in_flight;
  return "draining  generation " + std::to_string(reload.generation) + " is active, " + grouped(open) +
         " requests still open";
}

}  // namespace

std::string Progress::update(const wire::Status& status, Millis elapsed) {
  if (!status.reload || wire::has_ended(status.reload->phase)) return {};
  const wire::Reload& reload = *status.reload;
  std::string line;
  if (reload.phase == "Starting") line = starting(reload);
  if (reload.phase == "Judging") line = judging(reload, status.paused);
  if (reload.phase == "Draining") line = draining(reload, status);
  if (!is_terminal_) {
    // The number of open requests changes all the time; the phase does not.
    const bool news = reload.phase == "Draining" ? reload.phase != phase_ : line != line_;
    phase_ = reload.phase;
    line_ = line;
    return news ? line + "\n" : "";
  }
  std::string out = !phase_.empty() && phase_ != reload.phase ? "\n" : "\r\x1b[K";
  phase_ = reload.phase;
  line_ = line;
  return out + line + " (" + span_text(elapsed) + ")";
}

std::string Progress::end() {
  if (!is_terminal_ || line_.empty()) return {};
  line_.clear();
  return "\n";
}

}  // namespace sidestep::sidecar::cli
