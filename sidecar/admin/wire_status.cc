// Status, decisions and failures: what the server answers.
#include <algorithm>

#include "sidecar/admin/wire.h"
#include "sidecar/admin/wire_fields.h"

namespace sidestep::sidecar::wire {
namespace {

Json or_null(const std::string& time) { return time.empty() ? Json(nullptr) : Json(time); }

Json to_json(const Generation& g) {
  return {{"generation", g.generation},
          {"pid", g.pid},
          {"address", g.address},
          {"startedAt", g.started_at},
          {"requests", g.requests},
          {"inFlight", g.in_flight},
          {"errors", g.errors},
          {"ready", g.ready},
          {"weightPerTenThousand", g.weight_per_ten_thousand},
          {"restarts", g.restarts},
          {"configHash", g.config_hash}};
}

Json to_json(const Receipt& r) {
  Json requests = Json::object();
  for (const auto& [generation, count] : r.requests) requests[std::to_string(generation)] = count;
  return {{"requests", requests},
          {"held", r.held},
          {"retried", r.retried},
          {"failed", r.failed},
          {"longestHoldMs", r.longest_hold_ms},
          {"connectionsCut", r.connections_cut},
          {"tunnelsTold", r.tunnels_told},
          {"startMs", r.start_ms},
          {"judgeMs", r.judge_ms},
          {"drainMs", r.drain_ms},
          {"totalMs", r.total_ms},
          {"overheadMs", r.overhead_ms}};
}

// Without the empty buckets at the end.
Json to_json(const policy::Latency& latency) {
  Json buckets = latency.buckets;
  while (!buckets.empty() && buckets.back() == 0) buckets.erase(buckets.size() - 1);
  return {{"sumMicros", latency.sum_us}, {"buckets", std::move(buckets)}};
}

Json to_json(const Judged& j) {
  Json json{{"requests", j.requests}, {"errors", j.errors}};
  if (j.latency.count() > 0) json["latency"] = to_json(j.latency);
  return json;
}

Json to_json(const Reload& r) {
  Json json{{"id", r.id},
            {"token", r.token},
            {"policyUid", r.policy_uid},
            {"phase", r.phase},
            {"reason", r.reason},
            {"message", r.message},
            {"requestedBy", r.requested_by},
            {"askedReason", r.asked_reason},
            {"generation", r.generation},
            {"step", r.step},
            {"steps", r.steps},
            {"weightPerTenThousand", r.weight_per_ten_thousand},
            {"managed", r.managed},
            {"startedAt", or_null(r.started_at)},
            {"readyAt", or_null(r.ready_at)},
            {"endedAt", or_null(r.ended_at)},
            {"exit", nullptr},
            {"output", r.output},
            {"receipt", to_json(r.receipt)},
            {"judged", {{"active", to_json(r.judged_active)}, {"candidate", to_json(r.judged_candidate)}}}};
  if (r.exit) json["exit"] = {{"status", r.exit->status}, {"signal", r.exit->signal}};
  return json;
}

Json to_json(const Upgrade& u) {
  return {{"upgrade", u.upgrade}, {"phase", u.phase}, {"message", u.message}};
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? to_json(*value) : Json(nullptr);
}

using Mistakes = std::vector<std::string>;

Generation read_generation(const Json& json, const std::string& place, Mistakes& mistakes) {
  Generation g;
  Fields fields(json, place, mistakes);
  fields.read("generation", g.generation);
  fields.read("pid", g.pid);
  fields.read("address", g.address);
  fields.read("startedAt", g.started_at);
  fields.read("requests", g.requests);
  fields.read("inFlight", g.in_flight);
  fields.read("errors", g.errors);
  fields.read("weightPerTenThousand", g.weight_per_ten_thousand);
  fields.read("ready", g.ready);
  fields.read("configHash", g.config_hash);
  fields.read("restarts", g.restarts);
  return g;
}

Receipt read_receipt(const Json& json, const std::string& place, Mistakes& mistakes) {
  Receipt r;
  Fields fields(json, place, mistakes);
  if (const Json* requests = fields.find("requests"); requests != nullptr && requests->is_object()) {
    for (const auto& [generation, count] : requests->items()) {
      const unsigned long number = std::strtoul(generation.c_str(), nullptr, 10);
      if (count.is_number_unsigned())
        r.requests[static_cast<std::uint32_t>(number)] = count.get<std::uint64_t>();
    }
  }
  fields.read("held", r.held);
  fields.read("retried", r.retried);
  fields.read("failed", r.failed);
  fields.read("longestHoldMs", r.longest_hold_ms);
  fields.read("connectionsCut", r.connections_cut);
  fields.read("tunnelsTold", r.tunnels_told);
  fields.read("startMs", r.start_ms);
  fields.read("judgeMs", r.judge_ms);
  fields.read("drainMs", r.drain_ms);
  fields.read("totalMs", r.total_ms);
  fields.read("overheadMs", r.overhead_ms);
  return r;
}

void read_latency(const Json& json, const std::string& place, Mistakes& mistakes, policy::Latency& out) {
  Fields fields(json, place, mistakes);
  fields.read("sumMicros", out.sum_us);
  const Json* buckets = fields.find("buckets");
  if (buckets == nullptr || !buckets->is_array()) return;
  for (std::size_t i = 0; i < std::min(buckets->size(), out.buckets.size()); ++i)
    if ((*buckets)[i].is_number_unsigned()) out.buckets[i] = (*buckets)[i].get<std::uint64_t>();
}

Judged read_judged(Fields& parent, const char* who, Mistakes& mistakes) {
  Judged judged;
  const Json* json = parent.find(who);
  if (json == nullptr) return judged;
  Fields fields(*json, parent.place_of(who), mistakes);
  fields.read("requests", judged.requests);
  fields.read("errors", judged.errors);
  if (const Json* latency = fields.find("latency"))
    read_latency(*latency, fields.place_of("latency"), mistakes, judged.latency);
  return judged;
}

Reload read_reload(const Json& json, const std::string& place, Mistakes& mistakes) {
  Reload r;
  Fields fields(json, place, mistakes);
  fields.read("id", r.id);
  fields.read("token", r.token);
  fields.read("policyUid", r.policy_uid);
  fields.read("phase", r.phase);
  fields.read("reason", r.reason);
  fields.read("message", r.message);
  fields.read("requestedBy", r.requested_by);
  fields.read("askedReason", r.asked_reason);
  fields.read("generation", r.generation);
  fields.read("step", r.step);
  fields.read("steps", r.steps);
  fields.read("weightPerTenThousand", r.weight_per_ten_thousand);
  fields.read("managed", r.managed);
  fields.read("startedAt", r.started_at);
  fields.read("readyAt", r.ready_at);
  fields.read("endedAt", r.ended_at);
  if (const Json* exit = fields.find("exit")) {
    Fields inner(*exit, fields.place_of("exit"), mistakes);
    r.exit.emplace();
    inner.read("status", r.exit->status);
    inner.read("signal", r.exit->signal);
  }
  fields.read("output", r.output);
  if (const Json* receipt = fields.find("receipt"))
    r.receipt = read_receipt(*receipt, fields.place_of("receipt"), mistakes);
  if (const Json* judged = fields.find("judged")) {
    Fields both(*judged, fields.place_of("judged"), mistakes);
    r.judged_active = read_judged(both, "active", mistakes);
    r.judged_candidate = read_judged(both, "candidate", mistakes);
  }
  return r;
}

Json to_json(const std::vector<policy::SourceContent>& sources) {
  Json list = Json::array();
  for (const auto& each : sources) list.push_back({{"name", each.source}, {"keys", each.digests}});
  return list;
}

std::vector<policy::SourceContent> read_sources(const Json& list, Mistakes& mistakes) {
  std::vector<policy::SourceContent> sources;
  if (!list.is_array()) return sources;
  for (const Json& item : list) {
    policy::SourceContent& source = sources.emplace_back();
    Fields fields(item, "sources[]", mistakes);
    fields.read("name", source.source);
    const Json* keys = fields.find("keys");
    if (keys == nullptr || !keys->is_object()) continue;
    for (const auto& [key, digest] : keys->items())
      if (digest.is_string()) source.digests[key] = digest.get<std::string>();
  }
  return sources;
}

}  // namespace

std::string write(const Status& s) {
  Json retiring = Json::array();
  for (const Generation& generation : s.retiring) retiring.push_back(to_json(generation));
  return dump({{"version", s.version},
               {"bootId", s.boot_id},
               {"podUid", s.pod_uid},
               {"phase", s.phase},
               {"paused", s.paused},
               {"listening", s.listening},
               {"launcherConnected", s.launcher_connected},
               {"ready", s.ready},
               {"notReadyWhy", s.not_ready_why},
               {"held", s.held},
               {"active", or_null(s.active)},
               {"candidate", or_null(s.candidate)},
               {"retiring", retiring},
               {"reload", or_null(s.reload)},
               {"warnings", s.warnings},
               {"sources", to_json(s.sources)},
               {"upgrade", or_null(s.upgrade)},
               {"oldWorkers", s.old_workers}});
}

Result<Status> read_status(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  Status s;
  Fields fields(*json, "", mistakes);
  fields.read("version", s.version);
  fields.read("bootId", s.boot_id);
  fields.read("podUid", s.pod_uid);
  fields.read("phase", s.phase);
  fields.read("paused", s.paused);
  fields.read("listening", s.listening);
  fields.read("launcherConnected", s.launcher_connected);
  fields.read("ready", s.ready);
  fields.read("notReadyWhy", s.not_ready_why);
  fields.read("held", s.held);
  if (const Json* active = fields.find("active")) s.active = read_generation(*active, "active", mistakes);
  if (const Json* candidate = fields.find("candidate"))
    s.candidate = read_generation(*candidate, "candidate", mistakes);
  if (const Json* retiring = fields.find("retiring"); retiring != nullptr && retiring->is_array()) {
    for (const Json& generation : *retiring)
      s.retiring.push_back(read_generation(generation, "retiring[]", mistakes));
  }
  if (const Json* reload = fields.find("reload")) s.reload = read_reload(*reload, "reload", mistakes);
  fields.read("warnings", s.warnings);
  if (const Json* sources = fields.find("sources")) s.sources = read_sources(*sources, mistakes);
  if (const Json* upgrade = fields.find("upgrade")) {
    Fields inner(*upgrade, "upgrade", mistakes);
    s.upgrade.emplace();
    inner.read("upgrade", s.upgrade->upgrade);
    inner.read("phase", s.upgrade->phase);
    inner.read("message", s.upgrade->message);
  }
  fields.read("oldWorkers", s.old_workers);
  if (!mistakes.empty()) return as_error(mistakes);
  return s;
}

std::string write(const std::vector<Decision>& decisions) {
  Json list = Json::array();
  for (const Decision& d : decisions) list.push_back({{"time", d.time}, {"what", d.what}, {"why", d.why}});
  return dump({{"decisions", list}});
}

Result<std::vector<Decision>> read_decisions(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  std::vector<Decision> decisions;
  Fields fields(*json, "", mistakes);
  if (const Json* list = fields.find("decisions"); list != nullptr && list->is_array()) {
    for (const Json& item : *list) {
      Fields inner(item, "decisions[]", mistakes);
      Decision& d = decisions.emplace_back();
      inner.read("time", d.time);
      inner.read("what", d.what);
      inner.read("why", d.why);
    }
  }
  if (!mistakes.empty()) return as_error(mistakes);
  return decisions;
}

std::string write(const Failure& f) { return dump({{"error", {{"kind", f.kind}, {"message", f.message}}}}); }

Result<Failure> read_failure(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  Failure failure;
  Fields fields(*json, "", mistakes);
  const Json* inner = fields.find("error");
  if (inner == nullptr) return invalid("no error in the answer");
  Fields parts(*inner, "error", mistakes);
  parts.read("kind", failure.kind);
  parts.read("message", failure.message);
  if (!mistakes.empty()) return as_error(mistakes);
  return failure;
}

bool has_ended(std::string_view reload_phase) {
  return !reload_phase.empty() && reload_phase != "Starting" && reload_phase != "Judging" &&
         reload_phase != "Draining";
}

}  // namespace sidestep::sidecar::wire
