#include "operator/io/sources.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "lib/k8s/base64.h"
#include "lib/k8s/watch_group.h"
#include "lib/policy/signature.h"

namespace sidestep::op {
namespace {

std::string key_of(const std::string& name_space, const policy::Source& source) {
  return name_space + "/" + source.text();
}

k8s::ObjectRef objects_of(const std::string& name_space, policy::SourceKind kind) {
  return {{"v1", kind == policy::SourceKind::kSecret ? "secrets" : "configmaps"}, name_space, ""};
}

void add_digests(const k8s::Json& object, const char* part, bool is_base64, policy::Digests& out) {
  const auto data = object.find(part);
  if (data == object.end() || !data->is_object()) return;
  for (const auto& [key, value] : data->items()) {
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    const auto bytes = is_base64 ? k8s::base64_decode(text) : Result<std::string>(text);
    out[key] = policy::sha256_hex(bytes ? *bytes : text);
  }
}

}  // namespace

policy::Digests digests_of(policy::SourceKind kind, const k8s::Json& object) {
  policy::Digests digests;
  add_digests(object, "data", kind == policy::SourceKind::kSecret, digests);
  add_digests(object, "binaryData", true, digests);
  return digests;
}

// One object. The sink's methods run on the group's thread.
class SourceWatches::Watch final : public k8s::WatchSink {
 public:
  Watch(k8s::WatchGroup& group, const std::string& name_space, const policy::Source& source,
        std::function<void()> changed)
      : kind_(source.kind),
        changed_(std::move(changed)),
        watch_(group.add(objects_of(name_space, source.kind),
                         {.field_selector = "metadata.name=" + source.name, .page = 1}, *this)) {}

  // Nothing while the object was not read yet; no digests when it does not exist.
  std::optional<policy::Digests> digests() const {
    if (!watch_->is_synced()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return digests_;
  }
  std::optional<Error> trouble() const { return watch_->trouble(); }

  void list_begins() override { listed_ = {}; }
  void listed(k8s::Json&& object) override { listed_ = digests_of(kind_, object); }
  void list_ends() override { store(std::move(listed_), true); }
  void changed(k8s::Json&& object) override { store(digests_of(kind_, object), false); }
  void deleted(k8s::Json&&) override { store({}, false); }

 private:
  void store(policy::Digests digests, bool always_tell) {
    bool tell = always_tell;
    {
      const std::lock_guard lock(mutex_);
      tell = tell || digests_ != digests;
      digests_ = std::move(digests);
    }
    if (tell) changed_();
  }

  const policy::SourceKind kind_;
  const std::function<void()> changed_;
  policy::Digests listed_;
  mutable std::mutex mutex_;
  policy::Digests digests_;                       // guarded by mutex_
  const std::unique_ptr<k8s::GroupWatch> watch_;  // last: it tells this object
};

SourceWatches::SourceWatches(k8s::WatchGroup& group, Wake wake) : group_(group), wake_(std::move(wake)) {}

SourceWatches::~SourceWatches() {
  std::map<Key, std::shared_ptr<Watch>> gone;
  const std::lock_guard lock(mutex_);
  gone.swap(watches_);
}

void SourceWatches::wake_users(const Key& key) const {
  std::set<std::string> users;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = users_.find(key); found != users_.end()) users = found->second;
  }
  for (const std::string& user : users) wake_(user);
}

// Returns the watch that nobody needs any more, if it is that.
std::shared_ptr<SourceWatches::Watch> SourceWatches::release(const Key& key, const std::string& policy_key) {
  const auto users = users_.find(key);
  if (users == users_.end()) return nullptr;
  users->second.erase(policy_key);
  if (!users->second.empty()) return nullptr;
  users_.erase(users);
  auto node = watches_.extract(key);
  return node.empty() ? nullptr : std::move(node.mapped());
}

void SourceWatches::keep(const std::string& policy_key, const std::string& name_space,
                         const std::vector<policy::Source>& sources) {
  std::set<Key> keys;
  for (const policy::Source& source : sources) keys.insert(key_of(name_space, source));
  std::vector<std::shared_ptr<Watch>> gone;  // ended without the lock: their threads may want it
  const std::lock_guard lock(mutex_);
  std::set<Key>& before = wanted_[policy_key];
  for (const Key& key : before)
    if (!keys.contains(key)) gone.push_back(release(key, policy_key));
  for (const policy::Source& source : sources) {
    const Key key = key_of(name_space, source);
    if (!before.contains(key)) users_[key].insert(policy_key);
    if (watches_.contains(key) || watches_.size() >= kMostWatches) continue;
    watches_[key] = std::make_shared<Watch>(group_, name_space, source, [this, key] { wake_users(key); });
  }
  before = std::move(keys);
  if (before.empty()) wanted_.erase(policy_key);
}

ObservedSources SourceWatches::look(const std::string& name_space,
                                    const std::vector<policy::Source>& sources) const {
  ObservedSources seen;
  bool is_known = true;
  for (const policy::Source& source : sources) {
    std::shared_ptr<Watch> watch;
    {
      const std::lock_guard lock(mutex_);
      const auto found = watches_.find(key_of(name_space, source));
      if (found != watches_.end()) watch = found->second;
    }
    if (!watch) {
      seen.problems.push_back({source.kind, source.name, false,
                               source.text() + ": " + std::to_string(kMostWatches) +
                                   " ConfigMaps and Secrets are watched already; name fewer"});
      is_known = false;
      continue;
    }
    const auto trouble = watch->trouble();
    if (trouble)
      seen.problems.push_back({source.kind, source.name, trouble->kind == ErrorKind::kRefused,
                               source.text() + ": " + trouble->detail});
    const auto digests = watch->digests();
    is_known = is_known && digests && !trouble;
    if (digests) seen.contents.push_back({source.text(), policy::counted(source, *digests)});
  }
  if (!is_known) seen.contents.clear();
  return seen;
}

std::size_t SourceWatches::size() const {
  const std::lock_guard lock(mutex_);
  return watches_.size();
}

}  // namespace sidestep::op
