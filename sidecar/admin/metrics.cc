#include "sidecar/admin/metrics.h"

#include <array>
#include <cstdio>
#include <initializer_list>
#include <utility>

#include "lib/http/grpc.h"

namespace sidestep::sidecar {
namespace {

struct Label {
  std::string_view name;
  std::string value;
};
using Labels = std::initializer_list<Label>;

constexpr std::string_view kNoGeneration = "none";  // of a request that reached no generation

std::string_view type_name(char type) {
  return type == 'c' ? "counter" : type == 'g' ? "gauge" : "histogram";
}

class Writer {
 public:
  void begin(std::string_view name, std::string_view help, char type) {
    name_ = name;
    out_ += "# HELP " + std::string(name) + " " + std::string(help) + "\n";
    out_ += "# TYPE " + std::string(name) + " " + std::string(type_name(type)) + "\n";
  }
  void sample(Labels labels, std::uint64_t value) { line("", labels, std::to_string(value)); }
  void sample(Labels labels, double value) { line("", labels, number(value)); }
  void part(std::string_view suffix, Labels labels, const std::string& value) { line(suffix, labels, value); }
  static std::string number(double value) {
    std::array<char, 32> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.15g", value);
    return std::string(text.data(), static_cast<std::size_t>(length));
  }
  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view suffix, Labels labels, const std::string& value) {
    out_ += name_;
    out_ += suffix;
    char before = '{';
    for (const Label& label : labels) {
      out_ += before;
      out_ += label.name;
      out_ += "=\"";
      append_escaped(label.value);
      out_ += '"';
      before = ',';
    }
    if (before == ',') out_ += '}';
    out_ += ' ';
    out_ += value;
    out_ += '\n';
  }
  void append_escaped(std::string_view text) {
    for (const char c : text) {
      if (c == '\\' || c == '"') out_ += '\\';
      if (c == '\n')
        out_ += "\\n";
      else
        out_ += c;
    }
  }

  std::string out_;
  std::string_view name_;
};

struct Source {
  const Snapshot& snapshot;
  const ControlCounts& control;
};

std::string id(Generation generation) { return std::to_string(number(generation)); }

// One sample per generation, from its counters.
template <auto Member>
void per_generation(Writer& out, const Source& from) {
  for (const GenerationCounters& g : from.snapshot.counters.generations) {
    out.sample({{"generation", id(g.generation)}}, g.*Member);
  }
}

template <auto Member>
void of_shards(Writer& out, const Source& from) {
  out.sample({}, from.snapshot.counters.*Member);
}

template <typename Visit>
void each_view(const Snapshot& snapshot, Visit visit) {
  if (snapshot.active) visit(*snapshot.active, Role::kActive);
  if (snapshot.candidate) visit(*snapshot.candidate, Role::kCandidate);
  for (const GenerationView& view : snapshot.retiring) visit(view, Role::kRetiring);
}

void build_info(Writer& out, const Source&) { out.sample({{"version", SIDESTEP_VERSION}}, std::uint64_t{1}); }

void phase(Writer& out, const Source& from) {
  for (const Phase one : {Phase::kServing, Phase::kStarting, Phase::kJudging, Phase::kDraining,
                          Phase::kRollingBack, Phase::kHolding, Phase::kStopping}) {
    out.sample({{"phase", std::string(to_string(one))}}, std::uint64_t{from.snapshot.phase == one ? 1U : 0U});
  }
}

void ready(Writer& out, const Source& from) { out.sample({}, std::uint64_t{from.snapshot.ready ? 1U : 0U}); }
void paused(Writer& out, const Source& from) {
  out.sample({}, std::uint64_t{from.snapshot.paused ? 1U : 0U});
}

void start_time(Writer& out, const Source& from) {
  each_view(from.snapshot, [&](const GenerationView& view, Role role) {
    const double seconds = std::chrono::duration<double>(view.started_at.time_since_epoch()).count();
    out.sample({{"generation", id(view.generation)}, {"role", std::string(to_string(role))}}, seconds);
  });
}

void weight(Writer& out, const Source& from) {
  each_view(from.snapshot, [&](const GenerationView& view, Role role) {
    out.sample({{"generation", id(view.generation)}, {"role", std::string(to_string(role))}},
               view.weight_per_ten_thousand / 10'000.0);
  });
}

void responses(Writer& out, const Source& from) {
  for (const GenerationCounters& g : from.snapshot.counters.generations) {
    for (std::size_t digit = 1; digit < g.by_code_class.size(); ++digit) {
      out.sample({{"generation", id(g.generation)}, {"code", std::to_string(digit) + "xx"}},
                 g.by_code_class[digit]);
    }
  }
}

void grpc_responses(Writer& out, const Source& from) {
  for (const GenerationCounters& g : from.snapshot.counters.generations) {
    for (std::size_t code = 0; code < g.by_grpc_code.size(); ++code) {
      if (g.by_grpc_code[code] == 0) continue;
      const std::string name(http::grpc_code_name(static_cast<int>(code)));
      out.sample({{"generation", id(g.generation)}, {"code", name}}, g.by_grpc_code[code]);
    }
  }
}

void outcomes(Writer& out, const Source& from) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const std::string outcome(to_string(static_cast<Outcome>(i)));
    out.sample({{"generation", std::string(kNoGeneration)}, {"outcome", outcome}},
               from.snapshot.counters.without_generation[i]);
    for (const GenerationCounters& g : from.snapshot.counters.generations) {
      out.sample({{"generation", id(g.generation)}, {"outcome", outcome}}, g.by_outcome[i]);
    }
  }
}

void durations(Writer& out, const Source& from) {
  for (const GenerationCounters& g : from.snapshot.counters.generations) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kLatencyBuckets; ++i) {
      below += g.latency[i];
      const bool last = i == kLatencyBounds.size();
      const std::string bound = last ? "+Inf" : Writer::number(static_cast<double>(kLatencyBounds[i]) / 1e6);
      out.part("_bucket", {{"generation", id(g.generation)}, {"le", bound}}, std::to_string(below));
    }
    out.part("_sum", {{"generation", id(g.generation)}},
             Writer::number(static_cast<double>(g.latency_sum_us) / 1e6));
    out.part("_count", {{"generation", id(g.generation)}}, std::to_string(below));
  }
}

void handshakes(Writer& out, const Source& from) {
  for (std::size_t i = 0; i < kHandshakeResults; ++i) {
    out.sample({{"result", std::string(to_string(static_cast<HandshakeResult>(i)))}},
               from.snapshot.counters.handshakes[i]);
  }
}

void app_handshakes(Writer& out, const Source& from) {
  for (std::size_t i = 0; i < kAppHandshakeResults; ++i) {
    out.sample({{"result", std::string(to_string(static_cast<AppHandshakeResult>(i)))}},
               from.snapshot.counters.app_handshakes[i]);
  }
}

void certificate_ends(Writer& out, const Source& from) {
  for (const CertificateView& view : from.snapshot.certificates) {
    out.sample({{"path", view.path}},
               std::chrono::duration<double>(view.not_after.time_since_epoch()).count());
  }
}

void certificates_refused(Writer& out, const Source& from) {
  for (const CertificateView& view : from.snapshot.certificates)
    out.sample({{"path", view.path}}, view.refused);
}

void longest_hold(Writer& out, const Source& from) {
  out.sample({}, static_cast<double>(from.snapshot.counters.longest_hold_us) / 1e6);
}

void reloads(Writer& out, const Source& from) {
  for (const VerdictCount& verdict : from.snapshot.verdicts) {
    out.sample({{"verdict", std::string(to_string(verdict.phase))},
                {"reason", std::string(to_string(verdict.reason))}},
               verdict.count);
  }
}

void limit_hits(Writer& out, const Source& from) {
  for (std::size_t i = 0; i < kLimitNames.size(); ++i) {
    out.sample({{"limit", std::string(kLimitNames[i])}},
               from.snapshot.counters.limits.of(static_cast<Limit>(i)));
  }
}

void restrictions(Writer& out, const Source& from) {
  const Confinement& given_up = from.control.confinement;
  const std::pair<const char*, bool> all[] = {{"no_new_privileges", given_up.no_new_privileges},
                                              {"capabilities", given_up.capabilities},
                                              {"bounding_set", given_up.bounding_set},
                                              {"seccomp", given_up.seccomp}};
  for (const auto& [name, is_so] : all) out.sample({{"restriction", name}}, std::uint64_t{is_so ? 1U : 0U});
}

void restarts(Writer& out, const Source& from) { out.sample({}, from.snapshot.restarts); }
void launcher_refused(Writer& out, const Source& from) { out.sample({}, from.snapshot.launcher_refused); }
void log_dropped(Writer& out, const Source& from) { out.sample({}, from.control.log_lines_dropped); }

void control_refused(Writer& out, const Source& from) {
  for (const auto& [reason, count] : from.control.refused) out.sample({{"reason", reason}}, count);
}

void upgrades(Writer& out, const Source& from) {
  out.sample({{"result", "succeeded"}}, from.snapshot.upgrade.good);
  out.sample({{"result", "failed"}}, from.snapshot.upgrade.bad);
}
void old_workers(Writer& out, const Source& from) { out.sample({}, from.snapshot.old_workers); }

struct Metric {
  std::string_view name;
  char type;  // c: counter, g: gauge, h: histogram
  std::string_view help;
  void (*print)(Writer&, const Source&);
};

using Counters = GenerationCounters;
using Shards = ShardCounters;

constexpr Metric kMetrics[] = {
    {"sidestep_build_info", 'g', "Always 1; the version is a label.", build_info},
    {"sidestep_phase", 'g', "1 for the phase that the sidecar is in.", phase},
    {"sidestep_ready", 'g', "What /readyz says.", ready},
    {"sidestep_paused", 'g', "1 while a person holds the steps of a reload.", paused},
    {"sidestep_generation_start_time_seconds", 'g', "When the generation was started, in Unix time.",
     start_time},
    {"sidestep_generation_weight_ratio", 'g', "Share of new requests that the generation takes.", weight},
    {"sidestep_requests_total", 'c', "Request streams given to the generation, tunnels included.",
     per_generation<&Counters::requests>},
    {"sidestep_responses_total", 'c', "Final answers of the generation, by class of status code.", responses},
    {"sidestep_grpc_responses_total", 'c',
     "gRPC answers that came whole, by status; codes that were never seen are left out.", grpc_responses},
    {"sidestep_request_outcomes_total", 'c', "How request streams ended, seen from the client.", outcomes},
    {"sidestep_request_duration_seconds", 'h',
     "From the head of a request to the end of its answer, tunnels left out.", durations},
    {"sidestep_requests_in_flight", 'g', "Request streams under way.", per_generation<&Counters::in_flight>},
    {"sidestep_requests_retried_away_total", 'c', "Requests sent again after this generation failed them.",
     per_generation<&Counters::retried_away>},
    {"sidestep_tunnels_open", 'g', "Open tunnels (WebSockets and other upgrades), gRPC and event streams.",
     per_generation<&Counters::tunnels_open>},
    {"sidestep_tunnels_cut_total", 'c', "Tunnels and streams ended by a drain, not by client or app.",
     per_generation<&Counters::tunnels_cut>},
    {"sidestep_tunnels_told_total", 'c', "Of these, the ones told by a Close frame, a gRPC status or a comment.",
     per_generation<&Counters::tunnels_told>},
    {"sidestep_app_connects_total", 'c', "Connections made to the generation.",
     per_generation<&Counters::connects>},
    {"sidestep_app_connect_failures_total", 'c', "Connections to the generation that failed.",
     per_generation<&Counters::connect_failures>},
    {"sidestep_client_connections_total", 'c', "Client connections accepted.", of_shards<&Shards::accepted>},
    {"sidestep_client_connections_open", 'g', "Client connections open.", of_shards<&Shards::clients_open>},
    {"sidestep_tls_handshakes_total", 'c', "TLS handshakes of clients that ended, by result.", handshakes},
    {"sidestep_tls_handshakes_open", 'g', "TLS handshakes of clients under way.",
     of_shards<&Shards::handshakes_open>},
    {"sidestep_app_tls_handshakes_total", 'c', "TLS handshakes with the app that ended, by result.",
     app_handshakes},
    {"sidestep_proxy_headers_total", 'c', "PROXY headers of trusted sources that were read.",
     of_shards<&Shards::proxy_headers>},
    {"sidestep_proxy_headers_refused_total", 'c',
     "Connections of trusted sources that were closed for their PROXY header.",
     of_shards<&Shards::proxy_headers_refused>},
    {"sidestep_tls_certificate_expiry_timestamp_seconds", 'g',
     "When a certificate in use ends, in Unix time.", certificate_ends},
    {"sidestep_tls_certificate_refused_total", 'c',
     "Times that the files of a certificate held something worse than what is used.", certificates_refused},
    {"sidestep_requests_held", 'g', "Requests that wait for a generation.", of_shards<&Shards::held_now>},
    {"sidestep_requests_held_bytes", 'g', "Bytes of the requests that wait.",
     of_shards<&Shards::held_bytes_now>},
    {"sidestep_requests_held_total", 'c', "Requests that had to wait.", of_shards<&Shards::held_total>},
    {"sidestep_longest_hold_seconds", 'g', "Longest wait of a request since the start.", longest_hold},
    {"sidestep_requests_retried_total", 'c', "Requests sent again.", of_shards<&Shards::retried>},
    {"sidestep_worker_restriction", 'g', "1 for each restriction that the worker has put on itself.",
     restrictions},
    {"sidestep_limit_hits_total", 'c',
     "How often each limit was reached; docs/limits.md says what happens then.", limit_hits},
    {"sidestep_reloads_total", 'c', "Reloads that ended, by verdict and reason.", reloads},
    {"sidestep_active_restarts_total", 'c', "Restarts of active after it died by itself.", restarts},
    {"sidestep_launcher_refused_total", 'c', "Connections at the launcher's socket with a wrong token.",
     launcher_refused},
    {"sidestep_log_lines_dropped_total", 'c', "Log lines dropped because nobody read them.", log_dropped},
    {"sidestep_control_refused_total", 'c', "Calls of the control API that were refused, by reason.",
     control_refused},
    {"sidestep_upgrades_total", 'c', "Replacements of the worker by another, by result.", upgrades},
    {"sidestep_old_workers", 'g', "Workers that were replaced and still finish what they have.", old_workers},
};

}  // namespace

std::string metrics_text(const Snapshot& snapshot, const ControlCounts& control) {
  Writer out;
  const Source source{snapshot, control};
  for (const Metric& metric : kMetrics) {
    out.begin(metric.name, metric.help, metric.type);
    metric.print(out, source);
  }
  return out.take();
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names;
  for (const Metric& metric : kMetrics) names.push_back(metric.name);
  return names;
}

}  // namespace sidestep::sidecar
