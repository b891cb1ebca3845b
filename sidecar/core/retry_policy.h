// May a request that met a failure be sent again, and where does the answer come from if not?
//
// Proof that a request was not executed is only: the connect failed; no byte of it was handed to the kernel;
// HTTP/2 REFUSED_STREAM, or an id above GOAWAY's last. Anything else (FIN or RST before an answer included)
// proves nothing, and then only idempotent requests (RFC 9110, 9.2.2) are sent again. Decides only; nothing
// is sent here.
//
// RetryBudget: one per shard, its thread alone.
#pragma once

#include <array>
#include <cstdint>

#include "lib/base/clock.h"

namespace sidestep::sidecar {

// How an attempt to have a request answered by a generation failed.
enum class AttemptFailure : std::uint8_t {
  kConnectFailed,  // refused, timed out or reset before the connection stood
  kRefusedStream,  // HTTP/2: the app says that it did not look at it
  kClosed,         // FIN or RST before the first byte of an answer
  kTimeout,        // no answer in time
  kBrokenAnswer,   // the answer broke HTTP, or ended in its middle
};

struct FailedAttempt {
  AttemptFailure failure = AttemptFailure::kClosed;
  bool idempotent = false;         // of the method
  std::uint64_t bytes_handed = 0;  // of this request, in this attempt, to the kernel
  bool answer_begun = false;       // a byte of the answer went to the client (1xx not counted)
  bool replayable = true;          // all that was read of the request is still in memory
  int attempts = 1;                // made so far, this one included
};

enum class RetryVerdict : std::uint8_t {
  kAgain,      // send it again now, to whichever generation takes new streams
  kHold,       // not executed, but not now: wait like a request that no generation can take
  kAmbiguous,  // 502: it may have been executed and must not be sent twice
  kFail,       // answer the failure (502, 504), or cut the answer that was begun
};

inline constexpr int kMostAttempts = 3;

class RetryBudget;

// Takes one from the budget when the verdict is kAgain without proof; what provably was not executed costs
// nothing.
RetryVerdict judge_retry(const FailedAttempt& attempt, RetryBudget& budget, TimePoint now);

// At most `percent` of the requests of the last ten seconds may be sent again, with a floor of ten.
class RetryBudget {
 public:
  explicit RetryBudget(int percent) : percent_(percent) {}

  // The floor of this shard; the floors of all shards make ten together.
  void set_floor(std::uint64_t floor) { floor_ = floor; }
  void count_request(TimePoint now);
  // False when the budget is spent; nothing is taken then.
  bool try_take(TimePoint now);
  std::uint64_t refused() const { return refused_; }

 private:
  static constexpr std::size_t kSeconds = 10;
  struct Bucket {
    std::int64_t second = -1;
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
  };
  Bucket& bucket(std::int64_t second);

  int percent_;
  std::uint64_t floor_ = 10;
  std::uint64_t refused_ = 0;
  std::array<Bucket, kSeconds> buckets_{};  // by second modulo ten; stale ones are recognised by their second
};

}  // namespace sidestep::sidecar
