#include "operator/core/order.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace sidestep::op {
namespace {

const std::string& place_of(const ObservedPod& pod) { return pod.zone.empty() ? pod.node : pod.zone; }

// Requests per second of the active generation since it started.
double traffic_of(const ObservedPod& pod, WallTime now) {
  if (!pod.sidecar) return 0;
  const GenerationCounts& active = pod.sidecar->active;
  const double seconds =
      active.started_at ? std::chrono::duration<double>(now - *active.started_at).count() : 1;
  return static_cast<double>(active.requests) / std::max(seconds, 1.0);
}

// From each place in turn, the place with the fewest pods of the run first.
std::vector<const Member*> spread(const Fleet& fleet, std::vector<const Member*> free, WallTime now) {
  std::map<std::string, int> taken;
  for (const Member& member : fleet.members)
    if (has_part(member)) ++taken[place_of(*member.pod)];
  std::map<std::string, std::vector<const Member*>> places;  // each with the last to start first
  for (const Member* member : free) places[place_of(*member->pod)].push_back(member);
  for (auto& [place, members] : places) {
    std::stable_sort(members.begin(), members.end(), [&](const Member* a, const Member* b) {
      return traffic_of(*a->pod, now) < traffic_of(*b->pod, now);
    });
    std::reverse(members.begin(), members.end());
  }
  // The place whose turn it is comes first; places with nobody left are not in it.
  std::set<std::tuple<int, double, std::string>> turns;
  const auto take_part = [&](const std::string& place) {
    const auto& left = places[place];
    if (!left.empty()) turns.emplace(taken[place], traffic_of(*left.back()->pod, now), place);
  };
  for (const auto& [place, members] : places) take_part(place);
  std::vector<const Member*> order;
  while (!turns.empty()) {
    const std::string place = std::get<std::string>(turns.extract(turns.begin()).value());
    order.push_back(places[place].back());
    places[place].pop_back();
    ++taken[place];
    take_part(place);
  }
  return order;
}

}  // namespace

int ordinal_of(const std::string& pod_name) {
  const auto dash = pod_name.rfind('-');
  if (dash == std::string::npos) return -1;
  int number = -1;
  const char* end = pod_name.data() + pod_name.size();
  const auto [stop, error] = std::from_chars(pod_name.data() + dash + 1, end, number);
  return error == std::errc{} && stop == end && number >= 0 ? number : -1;
}

std::vector<const Member*> in_order(const Observed& observed, const Fleet& fleet,
                                    std::vector<const Member*> free, WallTime now) {
  const std::string kind = observed.workload ? observed.workload->kind : "";
  if (kind == "StatefulSet") {
    std::stable_sort(free.begin(), free.end(), [](const Member* a, const Member* b) {
      return ordinal_of(a->pod->name) > ordinal_of(b->pod->name);
    });
  } else if (kind == "DaemonSet") {
    std::stable_sort(free.begin(), free.end(),
                     [](const Member* a, const Member* b) { return a->pod->node < b->pod->node; });
  } else {
    free = spread(fleet, std::move(free), now);
  }
  std::stable_partition(free.begin(), free.end(),
                        [](const Member* m) { return m->refreshed_at.has_value(); });
  return free;
}

}  // namespace sidestep::op
