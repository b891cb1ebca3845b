#include "operator/io/sidecar_wire.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "operator/api/wire.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

bool flag(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
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
  const auto latency = counts.find("latency");
  if (latency == counts.end() || !latency->is_object()) return out;
  out.sum_us = static_cast<std::uint64_t>(std::max<std::int64_t>(number(*latency, "sumMicros"), 0));
  const auto buckets = latency->find("buckets");
  if (buckets == latency->end() || !buckets->is_array()) return out;
  for (std::size_t i = 0; i < std::min(buckets->size(), out.buckets.size()); ++i)
    if ((*buckets)[i].is_number_unsigned()) out.buckets[i] = (*buckets)[i].get<std::uint64_t>();
  return out;
}

GenerationCounts counts_of(const Json& generation) {
  return {static_cast<int>(number(generation, "generation")), number(generation, "requests"),
          number(generation, "errors"), api::parse_time(text_of(generation, "startedAt")),
          latency_of(generation)};
}

api::Receipt receipt_of(const Json& receipt, int candidate) {
  api::Receipt out;
  if (const auto requests = receipt.find("requests"); requests != receipt.end() && requests->is_object()) {
    for (const auto& [generation, count] : requests->items()) {
      if (!count.is_number()) continue;
      const bool is_candidate = generation == std::to_string(candidate);
      (is_candidate ? out.candidate_requests : out.active_requests) += count.get<std::int64_t>();
    }
  }
  out.held = number(receipt, "held");
  out.retried = number(receipt, "retried");
  out.failed = number(receipt, "failed");
  out.longest_hold_ms = number(receipt, "longestHoldMs");
  out.connections_cut = number(receipt, "connectionsCut");
  out.duration_ms = number(receipt, "totalMs");
  return out;
}

// The exit and the last lines are what a person asks for first, so they go with the message.
std::string message_of(const Json& run) {
  std::string message = text_of(run, "message");
  const auto output = run.find("output");
  if (output == run.end() || !output->is_array() || output->empty()) return message;
  message += message.empty() ? "last lines:" : "; last lines:";
  const std::size_t first = output->size() > 5 ? output->size() - 5 : 0;
  for (std::size_t i = first; i < output->size(); ++i)
    if ((*output)[i].is_string()) message += "\n" + (*output)[i].get<std::string>();
  return message.substr(0, api::kMostMessageBytes);
}

Result<SidecarRun> run_of(const Json& run) {
  const auto phase = phase_of(text_of(run, "phase"));
  if (!phase)
    return invalid("reload.phase: \"" + text_of(run, "phase") + "\" is not a phase this operator knows");
  SidecarRun out;
  out.id = text_of(run, "id");
  out.token = text_of(run, "token");
  out.phase = *phase;
  out.reason = text_of(run, "reason");
  out.message = message_of(run);
  out.generation = static_cast<int>(number(run, "generation"));
  out.weight_per_ten_thousand = static_cast<int>(number(run, "weightPerTenThousand"));
  out.ready = !text_of(run, "readyAt").empty() ||
              (*phase != SidecarPhase::kStarting && *phase != SidecarPhase::kFailed);
  out.managed = flag(run, "managed");
  if (const auto judged = run.find("judged"); judged != run.end() && judged->is_object()) {
    const auto of = [&](const char* who) {
      const auto found = judged->find(who);
      return found != judged->end() && found->is_object() ? counts_of(*found) : GenerationCounts{};
    };
    out.judged = JudgedCounts{of("active"), of("candidate")};
  }
  if (const auto receipt = run.find("receipt"); receipt != run.end() && receipt->is_object())
    out.receipt = receipt_of(*receipt, out.generation);
  return out;
}

std::vector<policy::SourceContent> sources_of(const Json& root) {
  std::vector<policy::SourceContent> sources;
  const auto list = root.find("sources");
  if (list == root.end() || !list->is_array()) return sources;
  for (const Json& each : *list) {
    if (!each.is_object()) continue;
    policy::SourceContent content{text_of(each, "name"), {}};
    const auto keys = each.find("keys");
    if (keys == each.end() || !keys->is_object()) continue;
    for (const auto& [key, digest] : keys->items())
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
  status.version = text_of(root, "version");
  status.boot_id = text_of(root, "bootId");
  status.sources = sources_of(root);
  if (const auto active = root.find("active"); active != root.end() && active->is_object())
    status.active = counts_of(*active), status.active_config = text_of(*active, "configHash");
  if (const auto candidate = root.find("candidate"); candidate != root.end() && candidate->is_object())
    status.candidate = counts_of(*candidate);
  if (const auto run = root.find("reload"); run != root.end() && run->is_object()) {
    auto parsed = run_of(*run);
    if (!parsed) return parsed.error();
    status.run = *std::move(parsed);
  }
  return status;
}

SidecarError sidecar_error_from_text(std::string_view body) {
  const Json root = Json::parse(body, nullptr, false);
  if (root.is_object() && root.contains("error") && root["error"].is_object())
    return {text_of(root["error"], "kind"), text_of(root["error"], "message")};
  return {"", std::string(body.substr(0, 200))};
}

}  // namespace sidestep::op
