// The limits of the request path by name: one enumerator for each row of the option table's limits, and a
// counter of how often each was reached. A name is the option's without the dashes: --max-head-bytes is
// limit="max_head_bytes" in sidestep_limit_hits_total.
//
// Names only; the values are in config/options.h, and who reaches one counts it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sidestep::sidecar {

enum class Limit : std::uint8_t {
  kMaxHeadBytes,
  kMaxTargetBytes,
  kMaxHeaders,
  kMaxTrailerBytes,
  kMaxBodyBytes,
  kMaxClients,
  kMaxClientsPerSource,
  kStreamBufferBytes,  // reading stopped
  kMaxBufferedBytes,
  kMaxMemoryBytes,
  kReplayBytes,
  kMaxRequestsPerConnection,
  kHeaderTimeout,
  kBodyTimeout,
  kIdleTimeout,
  kWriteTimeout,
  kAppConnectTimeout,
  kAppAnswerTimeout,
  kAppIdleTimeout,
  kAppMaxConnecting,
  kAppMaxConnections,
  kAppMaxStreams,
  kRetryBudgetPercent,
  kH2MaxStreams,
  kH2MaxResets,
  kH2MaxEmptyFrames,
  kTlsHandshakeTimeout,
  kMaxTlsHandshakes,
  kLingerTimeout,
  kDescriptors,  // of the process (RLIMIT_NOFILE): no option of ours
};

inline constexpr std::array<std::string_view, 30> kLimitNames{
    "max_head_bytes",         "max_target_bytes",     "max_headers",
    "max_trailer_bytes",      "max_body_bytes",       "max_clients",
    "max_clients_per_source", "stream_buffer_bytes",  "max_buffered_bytes",
    "max_memory_bytes",       "replay_bytes",         "max_requests_per_connection",
    "header_timeout",         "body_timeout",         "idle_timeout",
    "write_timeout",          "app_connect_timeout",  "app_answer_timeout",
    "app_idle_timeout",       "app_max_connecting",   "app_max_connections",
    "app_max_streams",        "retry_budget_percent", "h2_max_streams",
    "h2_max_resets",          "h2_max_empty_frames",  "tls_handshake_timeout",
    "max_tls_handshakes",     "linger_timeout",       "descriptors"};
static_assert(kLimitNames.size() == static_cast<std::size_t>(Limit::kDescriptors) + 1);

constexpr std::string_view to_string(Limit limit) { return kLimitNames[static_cast<std::size_t>(limit)]; }

class LimitHits {
 public:
  void count(Limit limit) { ++hits_[static_cast<std::size_t>(limit)]; }
  void set(Limit limit, std::uint64_t hits) { hits_[static_cast<std::size_t>(limit)] = hits; }
  std::uint64_t of(Limit limit) const { return hits_[static_cast<std::size_t>(limit)]; }
  void add(const LimitHits& other) {
    for (std::size_t i = 0; i < hits_.size(); ++i) hits_[i] += other.hits_[i];
  }

 private:
  std::array<std::uint64_t, kLimitNames.size()> hits_{};
};

}  // namespace sidestep::sidecar
