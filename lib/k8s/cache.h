// The last known state of all objects of one watch, each reduced to the fields that its reader needs (a pod
// of 10 KiB becomes a few hundred bytes). Tells a listener which object changed; the listener looks up what
// it wants.
//
// Does no I/O. Threads: the sink's methods are called by the watch's thread; every reader may be on any
// thread. The listener is called by the watch's thread, without a lock held.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/k8s/watch.h"

namespace sidestep::k8s {

// "namespace/name", or "name" of an object without a namespace.
std::string key_of(const Json& object);

// T: a value type with operator==.
template <typename T>
class Cache final : public WatchSink {
 public:
  using Ptr = std::shared_ptr<const T>;
  // What is kept of an object; nothing if it is of no interest.
  using Reduce = std::function<std::optional<T>(const Json& object)>;
  // `before` or `after` is null when the object came or went. Not called when the reduced value stays the
  // same.
  using Listener = std::function<void(const std::string& key, const Ptr& before, const Ptr& after)>;

  Cache(Reduce reduce, Listener listener) : reduce_(std::move(reduce)), listener_(std::move(listener)) {}

  Ptr get(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : found->second;
  }

  // All objects whose key begins with `prefix` ("namespace/"), in the order of their keys.
  std::vector<Ptr> all(const std::string& prefix = {}) const {
    return some(prefix, [](const T&) { return true; });
  }

  // Those of them that `wanted` says yes to, which must not call this cache.
  template <typename Wanted>
  std::vector<Ptr> some(const std::string& prefix, const Wanted& wanted) const {
    const std::lock_guard lock(mutex_);
    std::vector<Ptr> found;
    for (auto it = objects_.lower_bound(prefix); it != objects_.end() && it->first.starts_with(prefix); ++it)
      if (wanted(*it->second)) found.push_back(it->second);
    return found;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return objects_.size();
  }

  void list_begins() override { listed_.clear(); }
  void listed(Json&& object) override {
    listed_.insert(key_of(object));
    changed(std::move(object));
  }
  void list_ends() override {
    std::vector<std::string> gone;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, value] : objects_)
        if (!listed_.contains(key)) gone.push_back(key);
    }
    for (const std::string& key : gone) store(key, nullptr);
    listed_.clear();
  }
  void changed(Json&& object) override {
    auto reduced = reduce_(object);
    store(key_of(object), reduced ? std::make_shared<const T>(*std::move(reduced)) : nullptr);
  }
  void deleted(Json&& object) override { store(key_of(object), nullptr); }

 private:
  void store(const std::string& key, Ptr after) {
    Ptr before;
    {
      const std::lock_guard lock(mutex_);
      const auto found = objects_.find(key);
      if (found != objects_.end()) before = found->second;
      if (!before && !after) return;
      if (before && after && *before == *after) return;
      if (after)
        objects_[key] = after;
      else
        objects_.erase(found);
    }
    if (listener_) listener_(key, before, after);
  }

  const Reduce reduce_;
  const Listener listener_;
  std::set<std::string> listed_;  // Owned by the watch's thread.
  mutable std::mutex mutex_;
  std::map<std::string, Ptr> objects_;  // Guarded by mutex_.
};

}  // namespace sidestep::k8s
