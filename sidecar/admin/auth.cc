#include "sidecar/admin/auth.h"

#include <charconv>

#include "lib/base/log.h"
#include "sidecar/admin/epoch_file.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kNonceDigits = 32;
constexpr std::size_t kMostFieldBytes = 256;

Refusal unsigned_call(std::string reason, std::string message) {
  return {401, "unsigned", std::move(message), std::move(reason), 0};
}

template <typename Number>
std::optional<Number> number_of(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_hex(const std::string& text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// What is signed, from the fields of the call; none when a field is missing or malformed.
std::optional<policy::CommandHead> head_of(const Call& call) {
  const auto time = number_of<std::int64_t>(call.field("sidestep-time"));
  const auto epoch = number_of<std::uint64_t>(call.field("sidestep-epoch"));
  policy::CommandHead head;
  head.method = call.method;
  head.path = call.target();
  head.nonce = call.field("sidestep-nonce");
  head.lease_uid = call.field("sidestep-lease");
  head.pod_uid = call.field("sidestep-pod");
  head.boot_id = call.field("sidestep-boot");
  for (const std::string* field : {&head.lease_uid, &head.pod_uid, &head.boot_id}) {
    if (field->size() > kMostFieldBytes || field->find(' ') != std::string::npos) return std::nullopt;
  }
  if (!time || !epoch || !is_hex(head.nonce, kNonceDigits) || head.lease_uid.empty()) return std::nullopt;
  head.time_ms = *time;
  head.epoch = *epoch;
  head.body_sha256 = policy::sha256_hex(call.body);
  return head;
}

std::string reason_of(policy::Freshness freshness) {
  switch (freshness) {
    case policy::Freshness::kFresh:
      break;
    case policy::Freshness::kTooOld:
      return "too_old";
    case policy::Freshness::kReplayed:
      return "replayed";
    case policy::Freshness::kFull:
      return "full";
  }
  return "fresh";
}

}  // namespace

std::string Call::field(const std::string& lower_case_name) const {
  const auto found = fields.find(lower_case_name);
  return found == fields.end() ? "" : found->second;
}

Judgement Authority::judge(const Call& call, const std::string& boot_id, const Clock& clock) {
  if (call.is_local) return {Caller::kLocal, std::nullopt};
  const std::lock_guard lock(mutex_);
  std::optional<Refusal> refusal = check_signature(call, boot_id, clock);
  if (refusal) refusal->count = ++refusals_[refusal->reason];
  return {Caller::kOperator, std::move(refusal)};
}

// Cheap and harmless checks first; whatever costs memory (the nonce) or binds us (the epoch) only after the
// signature.
std::optional<Refusal> Authority::check_signature(const Call& call, const std::string& boot_id,
                                                  const Clock& clock) {
  const std::string signature = call.field("sidestep-signature");
  if (signature.empty()) {
    return unsigned_call(
        "unsigned", "commands over TCP must be signed by the operator; use the Unix socket on this machine");
  }
  const std::optional<policy::CommandHead> head = head_of(call);
  if (!head) return unsigned_call("malformed", "a Sidestep-… field is missing or malformed");
  const policy::PublicKey* key = trust_.find(call.field("sidestep-key"), clock.steady());
  if (key == nullptr) return unsigned_call("unknown_key", "no trusted key has this Sidestep-Key");
  if (!key->verify(policy::canonical(*head), signature)) {
    return unsigned_call("bad_signature", "the signature does not fit the call");
  }
  if (head->pod_uid != settings_.pod_uid)
    return unsigned_call("wrong_pod", "the call was signed for another pod");
  if (head->boot_id != boot_id) {
    return unsigned_call(
        "wrong_boot",
        "the call was signed for an earlier start of this sidecar; take Sidestep-Boot from this answer");
  }
  const auto now = std::chrono::duration_cast<Millis>(clock.wall().time_since_epoch()).count();
  const policy::Freshness freshness = replays_.admit(head->nonce, head->time_ms, now);
  if (freshness != policy::Freshness::kFresh) {
    return unsigned_call(reason_of(freshness),
                         "the call is not fresh: " + std::string(policy::to_string(freshness)));
  }
  if (call.method == "GET" || call.method == "HEAD") return std::nullopt;  // looking steers nothing
  return check_epoch(*head);
}

std::optional<Refusal> Authority::check_epoch(const policy::CommandHead& head) {
  const policy::EpochState before = epoch_.state();
  if (epoch_.obey(head.epoch, head.lease_uid) == policy::EpochRule::Answer::kStale) {
    return Refusal{409, "stale",
                   "a later leader than epoch " + std::to_string(head.epoch) + " has been obeyed already",
                   "stale", 0};
  }
  if (epoch_.state() == before || settings_.epoch_path.empty()) return std::nullopt;
  const Status written = write_epoch(settings_.epoch_path, epoch_.state());
  if (!written)
    log::error("cannot keep the leader epoch over a restart", {{"error", written.error().detail}});
  return std::nullopt;
}

std::uint64_t Authority::count_refusal(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  return ++refusals_[reason];
}

std::map<std::string, std::uint64_t> Authority::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_;
}

Authority::Memory Authority::memory() const {
  const std::lock_guard lock(mutex_);
  return {replays_.memory(), epoch_.state(), refusals_};
}

void Authority::go_on(const Memory& memory) {
  const std::lock_guard lock(mutex_);
  replays_.remember(memory.nonces);
  epoch_ = policy::EpochRule(memory.epoch);
  for (const auto& [reason, count] : memory.refusals) refusals_[reason] += count;
}

}  // namespace sidestep::sidecar
