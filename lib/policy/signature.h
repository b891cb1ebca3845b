// Commands from the operator to sidecars: what is signed (docs/contracts.md, "Signed commands"), with Ed25519
// (RFC 8032); how a sidecar refuses replays and commands of an operator that lost its lease. The only unit
// that includes OpenSSL in this layer.
//
// Decides only: the front checks headers with it, the operator signs with it; neither clock nor storage is
// here. Values are owned by their holder; keys are immutable and may be used from any thread; ReplayGuard and
// EpochRule belong to one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::policy {

std::string sha256_hex(std::string_view bytes);  // 64 lower-case hex digits
// HMAC-SHA256 (RFC 2104), 64 lower-case hex digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view text);
bool equal_in_constant_time(std::string_view a, std::string_view b);
std::string random_hex(std::size_t bytes);  // from the system's generator

// What is signed. Field order is that of the contract; every field but the path must be free of blanks and
// newlines.
struct CommandHead {
  std::string method;
  std::string path;  // with the query
  std::string body_sha256;
  std::int64_t time_ms = 0;  // Unix
  std::string nonce;         // 32 hex digits
  std::uint64_t epoch = 0;
  std::string lease_uid;
  std::string pod_uid;
  std::string boot_id;
};
std::string canonical(const CommandHead& head);

class PublicKey {
 public:
  static Result<PublicKey> from_pem(std::string_view pem);
  const std::string& id() const { return id_; }  // first 16 hex digits of SHA-256 over the DER form
  bool verify(std::string_view text, std::string_view signature_base64) const;

 private:
  PublicKey(std::shared_ptr<void> key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}
  std::shared_ptr<void> key_;
  std::string id_;
};

class PrivateKey {
 public:
  static Result<PrivateKey> from_pem(std::string_view pem);
  static PrivateKey generate();
  const std::string& id() const { return id_; }   // the public half's
  std::string sign(std::string_view text) const;  // base64
  std::string public_pem() const;
  std::string private_pem() const;  // PKCS#8, unencrypted

 private:
  PrivateKey(std::shared_ptr<void> key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}
  std::shared_ptr<void> key_;
  std::string id_;
};

enum class Freshness : std::uint8_t {
  kFresh,
  kTooOld,    // outside the window, past or future
  kReplayed,  // nonce seen
  kFull,      // too many nonces in the window: refused rather than forgotten
};
std::string_view to_string(Freshness freshness);

struct ReplayLimits {
  Millis window{30'000};  // either way
  Millis memory{60'000};  // of nonces; at least twice the window
  std::size_t most_nonces = 4096;
};

// Remembers nonces of commands whose signature was good (ask only then, or strangers could fill it).
class ReplayGuard {
 public:
  explicit ReplayGuard(ReplayLimits limits = {}) : limits_(limits) {}
  Freshness admit(std::string_view nonce, std::int64_t time_ms, std::int64_t now_ms);

  // What it remembers, for a process that goes on in place of this one: nonce and when to forget it.
  std::vector<std::pair<std::string, std::int64_t>> memory() const;
  void remember(const std::vector<std::pair<std::string, std::int64_t>>& memory);

 private:
  struct Seen {
    std::string nonce;
    std::int64_t forget_at_ms;
  };
  ReplayLimits limits_;
  std::deque<Seen> order_;  // sorted by forget_at_ms but for clock steps, which only keep nonces longer
  std::unordered_set<std::string> nonces_;
};

// Epoch and lease of the operator that was obeyed last; to be persisted whenever obey() said kObeyed and
// changed it.
struct EpochState {
  std::uint64_t highest = 0;
  std::string lease_uid;                 // "" before the first command
  std::vector<std::string> past_leases;  // newest first, at most 16
  bool operator==(const EpochState&) const = default;
};

// Within one Lease a lower epoch than one obeyed is stale. A Lease UID never seen before is accepted whatever
// its epoch (a Lease that was deleted and made again must not lock the lawful leader out; signature and
// current boot id were checked before), and from then on the Lease before it is stale for good.
class EpochRule {
 public:
  enum class Answer : std::uint8_t { kObeyed, kStale };
  explicit EpochRule(EpochState state = {}) : state_(std::move(state)) {}
  Answer obey(std::uint64_t epoch, std::string_view lease_uid);
  const EpochState& state() const { return state_; }

 private:
  EpochState state_;
};

}  // namespace sidestep::policy
