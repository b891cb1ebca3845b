#include "sidecar/io/source_counts.h"

#include <cstring>

namespace sidestep::sidecar {
namespace {

// The upper half of an address of IPv6; that half is zero where IPv4 is mapped, which so keeps its lower
// half.
std::uint64_t key_of(const in6_addr& source) {
  std::uint64_t half = 0;
  std::memcpy(&half, source.s6_addr + (IN6_IS_ADDR_V4MAPPED(&source) ? 8 : 0), sizeof half);
  return half;
}

}  // namespace

bool SourceCounts::enter(const in6_addr& source) {
  if (most_ == 0 || IN6_IS_ADDR_UNSPECIFIED(&source)) return true;
  const std::lock_guard lock(mutex_);
  std::size_t& open = open_[key_of(source)];
  if (open >= most_) return false;
  ++open;
  return true;
}

void SourceCounts::leave(const in6_addr& source) {
  if (most_ == 0 || IN6_IS_ADDR_UNSPECIFIED(&source)) return;
  const std::lock_guard lock(mutex_);
  const auto it = open_.find(key_of(source));
  if (it != open_.end() && --it->second == 0) open_.erase(it);
}

}  // namespace sidestep::sidecar
