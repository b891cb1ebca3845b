#include "sidecar/core/idle_everywhere.h"

#include <algorithm>

namespace sidestep::sidecar {

std::optional<IdleEverywhere::Idle> IdleEverywhere::look(Generation generation,
                                                         const Reports& reports) const {
  std::uint64_t version = UINT64_MAX;
  for (const int worker : workers_) {
    const auto report = reports.find(worker);
    if (report == reports.end()) return std::nullopt;
    version = std::min(version, report->second);
  }
  return Idle{generation, version};
}

std::vector<IdleEverywhere::Idle> IdleEverywhere::remove_worker(int worker) {
  std::erase(workers_, worker);
  std::vector<Idle> idle;
  for (auto& [generation, reports] : reports_) {
    reports.erase(worker);
    if (reports.empty()) continue;
    if (const auto now_idle = look(generation, reports)) idle.push_back(*now_idle);
  }
  return idle;
}

std::optional<IdleEverywhere::Idle> IdleEverywhere::note(int worker, Generation generation,
                                                         std::uint64_t version) {
  if (std::find(workers_.begin(), workers_.end(), worker) == workers_.end()) return std::nullopt;
  Reports& reports = reports_[generation];
  reports[worker] = std::max(reports[worker], version);
  return look(generation, reports);
}

void IdleEverywhere::keep_only(const std::vector<Generation>& closing) {
  std::erase_if(reports_, [&](const auto& entry) {
    return std::find(closing.begin(), closing.end(), entry.first) == closing.end();
  });
}

}  // namespace sidestep::sidecar
