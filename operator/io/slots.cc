#include "operator/io/slots.h"

#include <set>

namespace sidestep::op {

bool Slots::try_take(const std::string& reload, TimePoint now) {
  if (budget_.in_cluster == 0 && budget_.in_namespace == 0) return true;
  const std::lock_guard lock(mutex_);
  const std::map<std::string, bool> started = started_();
  std::erase_if(
      taken_, [&](const auto& each) { return started.contains(each.first) || now - each.second > memory_; });
  std::set<std::string> running;
  for (const auto& [other, runs] : started)
    if (runs) running.insert(other);
  for (const auto& [other, at] : taken_) running.insert(other);
  running.erase(reload);
  const std::string home = reload.substr(0, reload.find('/') + 1);
  int beside = 0;
  for (const std::string& other : running) beside += other.starts_with(home) ? 1 : 0;
  const bool fits = (budget_.in_cluster == 0 || static_cast<int>(running.size()) < budget_.in_cluster) &&
                    (budget_.in_namespace == 0 || beside < budget_.in_namespace);
  if (fits) taken_[reload] = now;
  return fits;
}

void Slots::give_back(const std::string& reload) {
  const std::lock_guard lock(mutex_);
  taken_.erase(reload);
}

}  // namespace sidestep::op
