// The operations of the request path that are measured one by one. Shared by micro_bench (time) and
// instruction_count (instructions, which a busy machine does not change).
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace sidestep::bench {

struct Case {
  std::string_view name;
  std::size_t bytes;  // that one operation reads; 0 where that says nothing
  // Sets up and returns the operation. What the operation uses lives as long as it does.
  std::function<std::function<void()>()> prepare;
};

std::span<const Case> cases();

}  // namespace sidestep::bench
