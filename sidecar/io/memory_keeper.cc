#include "sidecar/io/memory_keeper.h"

#include <unistd.h>

#include <utility>

#include "lib/base/log.h"
#include "sidecar/launch/memory.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLookAtMemory{100};

}  // namespace

std::optional<MemoryUse> read_memory_use(const Options& options, const std::string& root) {
  if (options.limits.max_memory_bytes > 0)
    return MemoryUse{launch::resident_bytes({::getpid()}), options.limits.max_memory_bytes};
  if (options.run_mode) return std::nullopt;  // the limit is the app's too
  const launch::MemoryRoom room = launch::read_memory_room(root);
  if (!room.limit) return std::nullopt;
  return MemoryUse{room.used, *room.limit};
}

MemoryKeeper::MemoryKeeper(EventLoop& loop, Read read, Tell tell)
    : loop_(loop), read_(std::move(read)), tell_(std::move(tell)), look_([this] { look(); }) {}

void MemoryKeeper::look() {
  const std::optional<MemoryUse> use = read_();
  if (!use) return;
  loop_.arm(look_, kLookAtMemory);
  const MemoryPressure now = next_pressure(pressure_, *use);
  if (std::exchange(pressure_, now) == now) return;
  log::warn(now == MemoryPressure::kNone ? "memory suffices again" : "memory is short",
            {{"used", use->used}, {"limit", use->limit}, {"given_up", to_string(now)}});
  tell_(now);
}

}  // namespace sidestep::sidecar
