#include "sidecar/admin/caller.h"

#include <charconv>
#include <filesystem>

#include "lib/base/bounded_file.h"

namespace sidestep::sidecar {
namespace {

namespace fs = std::filesystem;

constexpr Millis kFreshFor{1'000};  // between two readings of the keys
constexpr std::size_t kMostCallKeyBytes = 1'024;
constexpr std::size_t kCallNonceDigits = 32;

Refusal refuse(std::string reason, std::string message, int status = 401) {
  return {status, status == 429 ? "limited" : "unsigned", std::move(message), std::move(reason), 0};
}

std::string key_in(const fs::path& path) {
  std::string text = read_at_most(path, kMostCallKeyBytes).value_or("");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::optional<policy::CallHead> call_head_of(const Call& call) {
  const std::string time = call.field("x-auth-time");
  policy::CallHead head{call.method, call.target(), policy::sha256_hex(call.body), 0,
                        call.field("x-auth-nonce")};
  const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), head.time_ms);
  const bool is_hex = head.nonce.find_first_not_of("0123456789abcdef") == head.nonce.npos;
  if (error != std::errc{} || end != time.data() + time.size() || head.nonce.size() != kCallNonceDigits ||
      !is_hex)
    return std::nullopt;
  return head;
}

}  // namespace

void CallerRule::read_keys(TimePoint now) {
  if (read_at_ && now - *read_at_ < kFreshFor) return;
  read_at_ = now;
  keys_.clear();
  std::error_code failure;
  for (auto entry = fs::directory_iterator(keys_dir_, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    const bool is_mounts_own = entry->path().filename().string().starts_with("..");
    if (is_mounts_own || !entry->is_regular_file(failure) || keys_.size() == kMostKeys) continue;
    keys_.push_back(key_in(entry->path()));
  }
}

// Whatever costs memory, or uses up the rate, only after the signature.
std::optional<Refusal> CallerRule::judge(const Call& call, WallTime began, const Clock& clock) {
  if (keys_dir_.empty())
    return refuse("no_keys", "no caller may reload here; name a folder of keys with --reload-keys");
  const std::string signature = call.field("x-auth-sign");
  if (signature.empty())
    return refuse("unsigned", "the call must be signed: X-Auth-Time, X-Auth-Nonce and X-Auth-Sign");
  const auto head = call_head_of(call);
  if (!head)
    return refuse("malformed",
                  "X-Auth-Time is no Unix time in milliseconds, or X-Auth-Nonce not 32 hex digits");
  const std::lock_guard lock(mutex_);
  read_keys(clock.steady());
  if (!policy::is_signed_by(*head, signature, keys_))
    return refuse("bad_signature", "the signature does not fit the call, or its key is not one of ours");
  const auto ms = [](WallTime time) {
    return std::chrono::duration_cast<Millis>(time.time_since_epoch()).count();
  };
  if (head->time_ms < ms(began))
    return refuse("too_old", "the call was signed before this sidecar began; sign it anew");
  const policy::Freshness freshness = replays_.admit(head->nonce, head->time_ms, ms(clock.wall()));
  if (freshness != policy::Freshness::kFresh)
    return refuse(freshness == policy::Freshness::kReplayed ? "replayed" : "too_old",
                  "the call is not fresh: " + std::string(policy::to_string(freshness)));
  const Millis wait = rate_.admit(clock.steady());
  if (wait.count() == 0) return std::nullopt;
  return refuse("too_many",
                "too many reloads a minute; try again in " + std::to_string(wait.count() / 1000 + 1) + " s",
                429);
}

}  // namespace sidestep::sidecar
