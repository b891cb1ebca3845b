#include "operator/io/key_store.h"

#include <nlohmann/json.hpp>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/k8s/base64.h"
#include "operator/api/object.h"

namespace sidestep::op {
namespace {
constexpr BackoffLimits kNudges{.first = Millis{1'000}, .longest = Millis{60'000}, .factor = 2.0};
constexpr Seconds kNudgesForgotten{180};  // it obeyed meanwhile, or is gone
constexpr Seconds kDoubtedAfter{5};  // many pods of one namespace refuse us at once: one look for all of them
}  // namespace

Result<Keys> keys_from_secret(const k8s::Json& secret) {
  Keys keys;
  const k8s::Json data = secret.value("data", k8s::Json::object());
  if (data.contains(kHashEntry) && data[kHashEntry].is_string())
    keys.hash = data[kHashEntry].get<std::string>();
  for (const auto& [entry, value] : data.items()) {
    if (!entry.ends_with(".pem") || !value.is_string()) continue;
    const auto pem = k8s::base64_decode(value.get<std::string>());
    if (!pem) return invalid("Secret entry " + entry + ": " + pem.error().detail);
    auto key = policy::PrivateKey::from_pem(*pem);
    if (!key) return invalid("Secret entry " + entry + ": " + key.error().detail);
    keys.published[key->id() + ".pem"] = key->public_pem();
    if (entry == kSigningEntry) keys.signing = std::make_shared<const policy::PrivateKey>(*std::move(key));
  }
  if (!keys.signing) return invalid(std::string("the operator's Secret has no entry ") + kSigningEntry);
  return keys;
}

Result<k8s::Json> KeyStore::read_or_create() {
  auto found = client_.get(ref_);
  if (found || found.error().kind != ErrorKind::kNotFound) return found;
  const auto key = policy::PrivateKey::generate();
  const k8s::Json secret = {{"apiVersion", "v1"},
                            {"kind", "Secret"},
                            {"metadata", {{"name", ref_.name}, {"namespace", ref_.name_space}}},
                            {"type", "Opaque"},
                            {"data",
                             {{kSigningEntry, k8s::base64_encode(key.private_pem())},
                              {kHashEntry, k8s::base64_encode(policy::random_hex(32))}}}};
  auto made = client_.create({ref_.resource, ref_.name_space, ""}, secret);
  if (made) {
    log::info("made the signing key", {{"secret", ref_.name}, {"key", key.id()}});
    return made;
  }
  return made.error().kind == ErrorKind::kConflict ? client_.get(ref_) : made;
}

Result<k8s::Json> KeyStore::with_hash_key(k8s::Json secret) {
  if (secret.value("data", k8s::Json::object()).contains(kHashEntry)) return secret;
  const k8s::Json patch = {
      {"metadata",
       {{"resourceVersion", secret.value("metadata", k8s::Json::object()).value("resourceVersion", "")}}},
      {"data", {{kHashEntry, k8s::base64_encode(policy::random_hex(32))}}}};
  return client_.merge_patch(ref_, patch);
}

Status KeyStore::refresh() {
  auto secret = read_or_create();
  if (secret) secret = with_hash_key(*std::move(secret));
  if (!secret) return secret.error();
  auto keys = keys_from_secret(*secret);
  if (!keys) return keys.error();
  const std::lock_guard lock(mutex_);
  if (keys_.signing && keys_.signing->id() != keys->signing->id())
    log::info("signing with another key", {{"key", keys->signing->id()}});
  keys_ = *std::move(keys);
  return {};
}

Keys KeyStore::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

Status TrustPublisher::ensure(const std::string& name_space, TimePoint now) {
  const auto published = keys_.keys().published;
  if (published.empty()) return unavailable("the operator has no signing key yet");
  {
    const std::lock_guard lock(mutex_);
    const auto done = done_.find(name_space);
    if (done != done_.end() && done->second.published == published && now - done->second.at < again_)
      return {};
  }
  const k8s::Json object = {{"apiVersion", "v1"},
                            {"kind", "ConfigMap"},
                            {"metadata", {{"name", kTrustConfigMap}, {"namespace", name_space}}},
                            {"data", published}};
  const auto applied = client_.apply({{"v1", "configmaps"}, name_space, kTrustConfigMap}, object);
  if (!applied) return applied.error();
  const std::lock_guard lock(mutex_);
  std::erase_if(done_, [&](const auto& entry) { return now - entry.second.at >= again_; });
  done_[name_space] = {published, now};
  return {};
}

std::size_t TrustPublisher::size() const {
  const std::lock_guard lock(mutex_);
  return done_.size();
}

// REQUIRES: mutex_ is held.
bool TrustPublisher::may_nudge(const std::string& pod_uid, TimePoint now) {
  std::erase_if(nudged_, [now](const auto& entry) { return now - entry.second.at >= kNudgesForgotten; });
  Nudged& last = nudged_[pod_uid];
  if (last.times > 0 && now - last.at < backoff_delay(kNudges, last.times - 1, spread_of(pod_uid)))
    return false;
  last = {now, last.times + 1};
  return true;
}

Status TrustPublisher::nudge(const std::string& name_space, const std::string& pod_name,
                             const std::string& pod_uid, TimePoint now) {
  bool is_doubted = false;
  {
    const std::lock_guard lock(mutex_);
    if (!may_nudge(pod_uid, now)) return {};
    const auto done = done_.find(name_space);
    is_doubted = done != done_.end() && now - done->second.at >= kDoubtedAfter;
    if (is_doubted) done_.erase(done);
  }
  const Keys keys = keys_.keys();
  if (!keys.signing) return {};
  if (is_doubted) {
    if (const auto again = ensure(name_space, now); !again) return again.error();
  }
  const std::string value =
      "keys-" + keys.signing->id() + "-" + std::to_string(now.time_since_epoch() / Millis{1});
  const k8s::Json patch = {
      {"metadata", {{"uid", pod_uid}, {"annotations", {{api::kRefreshAnnotation, value}}}}}};
  const auto written = client_.merge_patch({{"v1", "pods"}, name_space, pod_name}, patch);
  if (!written && written.error().kind != ErrorKind::kNotFound) return written.error();
  return {};
}

}  // namespace sidestep::op
