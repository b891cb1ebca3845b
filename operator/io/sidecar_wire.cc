#include "operator/io/sidecar_wire.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"
#include "operator/api/wire.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

// Sums over a fleet must stay numbers, whatever one sidecar says.
constexpr std::uint64_t kMostCounted = 1'000'000'000'000'000;
constexpr std::size_t kMostReason = 64;  // of a reason in a status (crds/reloads.yaml)

// 0 for what is no count.
std::int64_t count_of(const Json& value) {
  return value.is_number_unsigned()
             ? static_cast<std::int64_t>(std::min(value.get<std::uint64_t>(), kMostCounted))
             : 0;
}

std::int64_t count_in(const Json& object, const char* key) { return count_of(field(object, key)); }

int small_in(const Json& object, const char* key) {
  return static_cast<int>(std::min<std::int64_t>(count_in(object, key), std::numeric_limits<int>::max()));
}

constexpr std::array<std::pair<const char*, SidecarPhase>, 8> kPhases{
    {{"Starting", SidecarPhase::kStarting},
     {"Judging", SidecarPhase::kJudging},
     {"Draining", SidecarPhase::kDraining},
     {"Succeeded", SidecarPhase::kSucceeded},
     {"Failed", SidecarPhase::kFailed},
     {"Aborted", SidecarPhase::kAborted},
     {"Interrupted", SidecarPhase::kInterrupted},
     {"Superseded", SidecarPhase::kSuperseded}}};

std::optional<SidecarPhase> phase_of(const std::string& name) {
  for (const auto& [known, phase] : kPhases)
    if (name == known) return phase;
  return std::nullopt;
}

policy::Latency latency_of(const Json& counts) {
  policy::Latency out;
  const Json& latency = field(counts, "latency");
  out.sum_us = static_cast<std::uint64_t>(count_in(latency, "sumMicros"));
  const Json& buckets = field(latency, "buckets");
  if (!buckets.is_array()) return out;
  for (std::size_t i = 0; i < std::min(buckets.size(), out.buckets.size()); ++i)
    out.buckets[i] = static_cast<std::uint64_t>(count_of(buckets[i]));
  return out;
}

GenerationCounts counts_of(const Json& generation) {
  return {small_in(generation, "generation"), count_in(generation, "requests"),
          count_in(generation, "errors"), api::parse_time(text_field(generation, "startedAt")),
          latency_of(generation)};
}

api::Receipt receipt_of(const Json& receipt, int candidate) {
  api::Receipt out;
  const Json& requests = field(receipt, "requests");
  for (const auto& [generation, count] : requests.items()) {
    if (!requests.is_object()) break;
    const bool is_candidate = generation == std::to_string(candidate);
    (is_candidate ? out.candidate_requests : out.active_requests) += count_of(count);
  }
  out.held = count_in(receipt, "held");
  out.retried = count_in(receipt, "retried");
  out.failed = count_in(receipt, "failed");
  out.longest_hold_ms = count_in(receipt, "longestHoldMs");
  out.connections_cut = count_in(receipt, "connectionsCut");
  out.duration_ms = count_in(receipt, "totalMs");
  return out;
}

// The exit and the last lines are what a person asks for first, so they go with the message.
std::string message_of(const Json& run) {
  std::string message = text_field(run, "message");
  const Json& output = field(run, "output");
  const std::size_t lines = output.is_array() ? output.size() : 0;
  if (lines > 0) message += message.empty() ? "last lines:" : "; last lines:";
  for (std::size_t i = lines > 5 ? lines - 5 : 0; i < lines; ++i)
    if (output[i].is_string()) message += "\n" + output[i].get<std::string>();
  return api::clip(message, api::kMostMessageBytes);
}

Result<SidecarRun> run_of(const Json& run) {
  const auto phase = phase_of(text_field(run, "phase"));
  if (!phase)
    return invalid("reload.phase: \"" + text_field(run, "phase") + "\" is not a phase this operator knows");
  SidecarRun out;
  out.id = text_field(run, "id");
  out.token = text_field(run, "token");
  out.phase = *phase;
  out.reason = api::clip(text_field(run, "reason"), kMostReason);
  out.message = message_of(run);
  out.generation = small_in(run, "generation");
  out.weight_per_ten_thousand = small_in(run, "weightPerTenThousand");
  out.ready = !text_field(run, "readyAt").empty() ||
              (*phase != SidecarPhase::kStarting && *phase != SidecarPhase::kFailed);
  out.managed = field(run, "managed") == true;
  if (const Json& judged = field(run, "judged"); judged.is_object())
    out.judged = JudgedCounts{counts_of(field(judged, "active")), counts_of(field(judged, "candidate"))};
  if (const Json& receipt = field(run, "receipt"); receipt.is_object())
    out.receipt = receipt_of(receipt, out.generation);
  return out;
}

std::vector<policy::SourceContent> sources_of(const Json& root) {
  std::vector<policy::SourceContent> sources;
  for (const Json& each : field(root, "sources")) {
    const Json& keys = field(each, "keys");
    if (!keys.is_object()) continue;
    policy::SourceContent content{text_field(each, "name"), {}};
    for (const auto& [key, digest] : keys.items())
      if (digest.is_string()) content.digests[key] = digest.get<std::string>();
    sources.push_back(std::move(content));
  }
  return sources;
}

}  // namespace

Result<SidecarStatus> sidecar_status_from_text(std::string_view body) {
  const Json root = Json::parse(body, nullptr, false);
  if (!root.is_object()) return invalid("the sidecar's status is not a JSON object");
  SidecarStatus status;
  status.version = text_field(root, "version");
  status.boot_id = text_field(root, "bootId");
  status.sources = sources_of(root);
  const Json& active = field(root, "active");
  status.active = counts_of(active), status.active_config = text_field(active, "configHash");
  if (const Json& candidate = field(root, "candidate"); candidate.is_object())
    status.candidate = counts_of(candidate);
  if (const Json& run = field(root, "reload"); run.is_object()) {
    auto parsed = run_of(run);
    if (!parsed) return parsed.error();
    status.run = *std::move(parsed);
  }
  return status;
}

SidecarError sidecar_error_from_text(std::string_view body) {
  const Json root = Json::parse(body, nullptr, false);
  if (const Json& error = field(root, "error"); error.is_object())
    return {text_field(error, "kind"), text_field(error, "message")};
  return {"", api::clip(body, 200)};
}

}  // namespace sidestep::op
