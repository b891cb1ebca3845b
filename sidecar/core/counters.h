// What the shards count. Each shard owns plain words and publishes copies; sums are made by whoever reads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/http/grpc.h"
#include "lib/policy/latency.h"
#include "sidecar/core/limit_names.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

// How a request stream ended, seen from the client.
enum class Outcome : std::uint8_t {
  kServed,      // the app's answer was passed on whole
  kClientGone,  // the client left before the end
  kAppReset,  // the app left in the middle of an answer, or before any byte of it and it could not be retried
  kAppTimeout,    // no answer in time
  kAmbiguous,     // 502: a request that must not be sent twice met a closing connection
  kHoldOverflow,  // 503: the hold was full
  kHoldTimeout,   // 503: waited too long
  kRefused,       // 503: nothing can take it (stopping)
  kBadRequest,    // 4xx of our own
  kBadResponse,   // 502: the app broke HTTP
  kCut,           // ended by a drain deadline
};
inline constexpr std::size_t kOutcomes = 11;
std::string_view to_string(Outcome outcome);

// How the TLS handshake of a client ended.
enum class HandshakeResult : std::uint8_t {
  kFull,
  kResumed,     // an earlier session went on
  kFailed,      // refused by us or by the client; logged
  kClientLeft,  // without a word: a probe that only connects, or a client that is gone
  kLate,        // not done in time
  kGivenUp,     // the oldest of too many, or the process ended
};
inline constexpr std::size_t kHandshakeResults = 6;
std::string_view to_string(HandshakeResult result);

// How the TLS handshake of a connection to the app ended; one that is late is a limit that was reached.
enum class AppHandshakeResult : std::uint8_t {
  kFull,
  kResumed,    // an earlier session went on
  kUntrusted,  // the app's certificate was refused; logged
  kFailed,     // TLS failed otherwise: the app does not speak it, or not HTTP/2; logged
  kAppLeft,    // without a word
};
inline constexpr std::size_t kAppHandshakeResults = 5;
std::string_view to_string(AppHandshakeResult result);

using policy::kLatencyBounds;
using policy::kLatencyBuckets;

struct GenerationCounters {
  Generation generation = Generation::kNone;
  std::uint64_t requests = 0;  // streams given to this generation (final choice), tunnels included
  std::array<std::uint64_t, 6> by_code_class{};  // index 1..5: 1xx..5xx final answers of the app; 0: none
  std::array<std::uint64_t, http::kGrpcCodes> by_grpc_code{};  // gRPC answers with status 200 that came whole
  std::array<std::uint64_t, kOutcomes> by_outcome{};
  std::array<std::uint64_t, kLatencyBuckets> latency{};  // tunnels left out
  std::uint64_t latency_sum_us = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t tunnels_open = 0;  // gRPC and event streams included, also below
  std::uint64_t tunnels_cut = 0;   // ended by us without the client's wish, told or not
  std::uint64_t tunnels_told = 0;  // of these, with a Close frame, a gRPC status or a comment
  std::uint64_t retried_away = 0;  // sent elsewhere (or again) after this generation failed it
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  // 5xx, the gRPC codes that stand for one, resets, no answer: what a verdict compares.
  std::uint64_t errors() const;
  void add_latency(std::chrono::steady_clock::duration took);
};

struct ShardCounters {
  std::vector<GenerationCounters> generations;
  std::array<std::uint64_t, kOutcomes> without_generation{};  // streams that never reached one
  std::array<std::uint64_t, kHandshakeResults> handshakes{};
  std::uint64_t handshakes_open = 0;
  std::array<std::uint64_t, kAppHandshakeResults> app_handshakes{};
  std::uint64_t proxy_headers = 0;
  std::uint64_t proxy_headers_refused = 0;
  std::uint64_t accepted = 0;
  std::uint64_t clients_open = 0;
  std::uint64_t held_now = 0;
  std::uint64_t held_bytes_now = 0;
  std::uint64_t held_total = 0;
  std::uint64_t longest_hold_us = 0;         // since the start of the process
  std::uint64_t longest_hold_reload_us = 0;  // since the hold mark was last reset (at the start of a reload)
  std::uint64_t retried = 0;
  std::uint64_t requests = 0;            // all streams
  LimitHits limits;                      // how often each was reached
  void add(const ShardCounters& other);  // sums; maxima for the longest holds
};

}  // namespace sidestep::sidecar
