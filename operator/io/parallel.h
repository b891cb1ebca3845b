// Does the same for many at a time, and returns when all is done: a verdict must not wait for pods that do
// not answer. Threads live for one call; the caller's is one of them.
#pragma once

#include <cstddef>
#include <functional>

namespace sidestep::op {

// How many sidecars are spoken to at a time, for one look or one plan.
inline constexpr std::size_t kSidecarsAtOnce = 16;

// Calls work(0) … work(count - 1), each once, on at most `most` threads. `work` must bear that.
void for_all(std::size_t count, std::size_t most, const std::function<void(std::size_t)>& work);

}  // namespace sidestep::op
