#include "operator/core/queue.h"

#include <algorithm>
#include <tuple>

namespace sidestep::op {
namespace {

bool started_before(const api::Reload* a, const api::Reload* b) {
  return std::tie(*a->status.start_time, a->meta.name) < std::tie(*b->status.start_time, b->meta.name);
}

bool created_before(const api::Reload* a, const api::Reload* b) {
  return std::tie(a->meta.creation_time, a->meta.name) < std::tie(b->meta.creation_time, b->meta.name);
}

bool ended_after(const api::Reload* a, const api::Reload* b) {
  const WallTime a_end = a->status.end_time.value_or(a->meta.creation_time);
  const WallTime b_end = b->status.end_time.value_or(b->meta.creation_time);
  return std::tie(a_end, a->meta.name) > std::tie(b_end, b->meta.name);
}

bool covers(const api::Reload& newer, const api::Reload& older) {
  return newer.spec.pod.empty() || newer.spec.pod == older.spec.pod;
}

}  // namespace

const api::Reload* Queue::last_started() const {
  const auto found = std::find_if(ended.begin(), ended.end(), [](const api::Reload* reload) {
    return reload->status.start_time.has_value();
  });
  return found == ended.end() ? nullptr : *found;
}

Queue queue_of(const Observed& observed) {
  Queue queue;
  std::vector<const api::Reload*> waiting;
  for (const api::Reload& reload : observed.reloads) {
    if (is_final(reload.status.phase)) {
      queue.ended.push_back(&reload);
    } else if (!reload.status.start_time) {
      waiting.push_back(&reload);
    } else if (queue.running == nullptr || started_before(&reload, queue.running)) {
      queue.running = &reload;
    }
  }
  std::sort(waiting.begin(), waiting.end(), created_before);
  for (auto each = waiting.begin(); each != waiting.end(); ++each) {
    const bool is_superseded =
        std::any_of(each + 1, waiting.end(), [&](const api::Reload* newer) { return covers(*newer, **each); });
    (is_superseded ? queue.superseded : queue.later).push_back(*each);
  }
  if (!queue.later.empty()) {
    queue.next = queue.later.front();
    queue.later.erase(queue.later.begin());
  }
  std::sort(queue.ended.begin(), queue.ended.end(), ended_after);
  return queue;
}

}  // namespace sidestep::op
