// What somebody who mistyped a name may have meant.
#pragma once

#include <span>
#include <string_view>

namespace sidestep::sidecar {

// The name in the list that differs from `name` in at most two letters; empty when there is none.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace sidestep::sidecar
