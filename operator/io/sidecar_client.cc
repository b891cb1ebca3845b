#include "operator/io/sidecar_client.h"

#include <algorithm>

namespace sidestep::op {
namespace {

constexpr std::size_t kMaxReply = 1u << 20;

std::string origin_of(const SidecarAddress& pod) {
  const bool is_v6 = pod.ip.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + pod.ip + "]" : pod.ip) + ":" + std::to_string(pod.port);
}

Error forged(const std::string& what) { return {ErrorKind::kProtocol, Fault::kCluster, Retry::kLater, what}; }

}  // namespace

SidecarClient::SidecarClient(k8s::Transport& transport, const Clock& clock,
                             std::function<Authority()> authority, Millis timeout)
    : transport_(transport), clock_(clock), authority_(std::move(authority)), timeout_(timeout) {}

Result<std::string> SidecarClient::boot_id(const SidecarAddress& pod, bool renew, Millis timeout) {
  if (!renew) {
    const std::lock_guard lock(mutex_);
    if (const auto known = boots_.find(pod.pod_uid); known != boots_.end()) return known->second;
  }
  k8s::Request request{.target = "/healthz", .origin = origin_of(pod)};
  request.timeout = timeout;
  request.max_body = kMaxReply;
  auto response = transport_.send(request);
  if (!response) return response.error();
  const auto boot = k8s::header(*response, "sidestep-boot");
  if (!boot || boot->empty())
    return forged(origin_of(pod) + "/healthz answers without Sidestep-Boot: not a sidecar");
  const std::lock_guard lock(mutex_);
  boots_[pod.pod_uid] = std::string(*boot);
  return std::string(*boot);
}

Result<SidecarReply> SidecarClient::call_once(const SidecarAddress& pod, const std::string& boot,
                                              const std::string& method, const std::string& path,
                                              const std::string& body, Millis timeout) {
  const Authority authority = authority_();
  if (!authority.key) return unavailable("the operator has no signing key yet");
  const auto unix_ms = std::chrono::duration_cast<Millis>(clock_.wall().time_since_epoch()).count();
  const policy::CommandHead head{method,
                                 path,
                                 policy::sha256_hex(body),
                                 unix_ms,
                                 policy::random_hex(16),
                                 authority.epoch,
                                 authority.lease_uid,
                                 pod.pod_uid,
                                 boot};
  k8s::Request request{.method = method, .target = path, .origin = origin_of(pod), .body = body};
  request.headers = {{"Sidestep-Key", authority.key->id()},
                     {"Sidestep-Time", std::to_string(head.time_ms)},
                     {"Sidestep-Nonce", head.nonce},
                     {"Sidestep-Epoch", std::to_string(head.epoch)},
                     {"Sidestep-Lease", head.lease_uid},
                     {"Sidestep-Pod", head.pod_uid},
                     {"Sidestep-Boot", head.boot_id},
                     {"Sidestep-Signature", authority.key->sign(policy::canonical(head))},
                     {"Content-Type", "application/json"}};
  request.timeout = timeout;
  request.max_body = kMaxReply;
  auto response = transport_.send(request);
  if (!response) return response.error();
  // A refusal before the signature was checked cannot prove anything, and nothing follows from it but a
  // message.
  if (response->status == 401) return SidecarReply{401, std::move(response->body)};
  if (k8s::header(*response, "sidestep-pod") != pod.pod_uid)
    return forged(origin_of(pod) + " does not answer as pod " + pod.pod_uid);
  if (k8s::header(*response, "sidestep-boot") != boot ||
      k8s::header(*response, "sidestep-nonce") != head.nonce)
    return forged(origin_of(pod) + " does not repeat the call's nonce and boot id");
  return SidecarReply{response->status, std::move(response->body)};
}

Result<SidecarReply> SidecarClient::call(const SidecarAddress& pod, const std::string& method,
                                         const std::string& path, const std::string& body, Millis at_most) {
  const Millis timeout = at_most.count() > 0 ? std::min(at_most, timeout_) : timeout_;
  auto boot = boot_id(pod, false, timeout);
  if (!boot) return boot.error();
  auto reply = call_once(pod, *boot, method, path, body, timeout);
  const bool may_be_outdated =
      (reply && reply->status == 401) || (!reply && reply.error().kind == ErrorKind::kProtocol);
  if (!may_be_outdated) return reply;
  auto renewed = boot_id(pod, true, timeout);
  if (!renewed) return renewed.error();
  if (*renewed == *boot) return reply;
  return call_once(pod, *renewed, method, path, body, timeout);
}

void SidecarClient::keep_only(const std::set<std::string>& pod_uids) {
  const std::lock_guard lock(mutex_);
  std::erase_if(boots_, [&](const auto& entry) { return !pod_uids.contains(entry.first); });
}

}  // namespace sidestep::op
