// A sidecar's control port as docs/contracts.md describes it, without a network: checks signatures and
// answers.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "lib/k8s/transport.h"
#include "lib/policy/signature.h"

namespace sidestep::test {

class FakeSidecar final : public k8s::Transport {
 public:
  explicit FakeSidecar(policy::PublicKey key) : key_(std::move(key)) {}

  Result<k8s::Response> send(const k8s::Request& request) override {
    const std::lock_guard lock(mutex_);
    requests.push_back(request);
    if (is_silent) return unavailable("no route");
    if (request.target == "/healthz") return k8s::Response{200, {{"sidestep-boot", boot}}, "ok"};
    const policy::CommandHead head{request.method,
                                   request.target,
                                   policy::sha256_hex(request.body),
                                   number(request, "Sidestep-Time"),
                                   of(request, "Sidestep-Nonce"),
                                   static_cast<std::uint64_t>(number(request, "Sidestep-Epoch")),
                                   of(request, "Sidestep-Lease"),
                                   of(request, "Sidestep-Pod"),
                                   of(request, "Sidestep-Boot")};
    const bool is_good = key_.verify(policy::canonical(head), of(request, "Sidestep-Signature")) &&
                         head.boot_id == boot && head.pod_uid == uid &&
                         of(request, "Sidestep-Key") == key_.id();
    if (!is_good)
      return k8s::Response{401, {}, R"({"error":{"kind":"unauthorized","message":"bad signature"}})"};
    nonces.push_back(head.nonce);
    return k8s::Response{status,
                         {{"sidestep-pod", answers_as.empty() ? uid : answers_as},
                          {"sidestep-boot", boot},
                          {"sidestep-nonce", stale_nonce.empty() ? head.nonce : stale_nonce}},
                         body};
  }
  Result<k8s::Response> watch(const k8s::Request&, const k8s::LineSink&, std::stop_token) override {
    return unavailable("a sidecar has no watches");
  }

  std::string uid = "pod-uid", boot = "boot-1", body = "{}";
  std::string answers_as, stale_nonce;
  int status = 200;
  bool is_silent = false;
  std::vector<k8s::Request> requests;
  std::vector<std::string> nonces;

 private:
  static std::string of(const k8s::Request& request, const char* name) {
    for (const auto& [key, value] : request.headers)
      if (key == name) return value;
    return {};
  }
  static std::int64_t number(const k8s::Request& request, const char* name) {
    const std::string text = of(request, name);
    return text.empty() ? 0 : std::stoll(text);
  }

  policy::PublicKey key_;
  std::mutex mutex_;  // several pods are spoken to at a time
};

}  // namespace sidestep::test
