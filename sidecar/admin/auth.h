// Who is calling, and may they? The local user (through the Unix socket), an operator (a signed call over
// TCP, docs/contracts.md "Signed commands"), or a stranger, who may only look at the open pages. A call over
// TCP never gets the local user's authority, whatever is in it.
//
// Decides and counts; does not answer. Persists the leader epoch when it grows. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/signature.h"
#include "sidecar/admin/trust.h"

namespace sidestep::sidecar {

// One call as it came through the door.
struct Call {
  std::string method;
  std::string path;   // without the query, as sent
  std::string query;  // without '?'
  std::string body;
  bool is_local = false;                      // through the Unix socket; false: over TCP
  std::map<std::string, std::string> fields;  // names in lower case

  std::string field(const std::string& lower_case_name) const;
  std::string target() const { return query.empty() ? path : path + "?" + query; }
};

enum class Caller : std::uint8_t { kLocal, kOperator };

struct Refusal {
  int status = 401;
  std::string kind;  // of the error in the answer
  std::string message;
  std::string reason;       // label of sidestep_control_refused_total
  std::uint64_t count = 0;  // refusals for this reason so far, this one included
};

struct Judgement {
  Caller caller = Caller::kLocal;
  std::optional<Refusal> refusal;
};

class Authority {
 public:
  struct Settings {
    std::string trust_dir;   // empty: nobody may sign
    std::string pod_uid;     // what a signature must name; may be empty outside a cluster
    std::string epoch_path;  // file in the private folder; empty: kept in memory only
  };
  Authority(Settings settings, policy::EpochState epoch)
      : settings_(std::move(settings)), trust_(settings_.trust_dir), epoch_(std::move(epoch)) {}

  // For calls that are not open to everybody. `boot_id` is this process's.
  Judgement judge(const Call& call, const std::string& boot_id, const Clock& clock);

  // Returns how many there were for this reason, this one included.
  std::uint64_t count_refusal(const std::string& reason);
  std::map<std::string, std::uint64_t> refusals() const;  // by reason

  // For the worker that replaces this one: nonces, epoch and counts, so that no command can be sent again
  // there.
  struct Memory {
    std::vector<std::pair<std::string, std::int64_t>> nonces;
    policy::EpochState epoch;
    std::map<std::string, std::uint64_t> refusals;
  };
  Memory memory() const;
  void go_on(const Memory& memory);

 private:
  std::optional<Refusal> check_signature(const Call& call, const std::string& boot_id, const Clock& clock);
  std::optional<Refusal> check_epoch(const policy::CommandHead& head);

  const Settings settings_;
  mutable std::mutex mutex_;  // guards all below
  TrustStore trust_;
  policy::ReplayGuard replays_;
  policy::EpochRule epoch_;
  std::map<std::string, std::uint64_t> refusals_;
};

}  // namespace sidestep::sidecar
