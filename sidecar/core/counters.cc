#include "sidecar/core/counters.h"

#include <algorithm>

namespace sidestep::sidecar {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kServed:
      return "served";
    case Outcome::kClientGone:
      return "client_gone";
    case Outcome::kAppReset:
      return "app_reset";
    case Outcome::kAppTimeout:
      return "app_timeout";
    case Outcome::kAmbiguous:
      return "ambiguous";
    case Outcome::kHoldOverflow:
      return "hold_overflow";
    case Outcome::kHoldTimeout:
      return "hold_timeout";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kBadRequest:
      return "bad_request";
    case Outcome::kBadResponse:
      return "bad_response";
    case Outcome::kCut:
      return "cut";
  }
  return "unknown";
}

std::string_view to_string(HandshakeResult result) {
  switch (result) {
    case HandshakeResult::kFull:
      return "full";
    case HandshakeResult::kResumed:
      return "resumed";
    case HandshakeResult::kFailed:
      return "failed";
    case HandshakeResult::kClientLeft:
      return "client_left";
    case HandshakeResult::kLate:
      return "late";
    case HandshakeResult::kGivenUp:
      return "given_up";
  }
  return "unknown";
}

std::string_view to_string(AppHandshakeResult result) {
  switch (result) {
    case AppHandshakeResult::kFull:
      return "full";
    case AppHandshakeResult::kResumed:
      return "resumed";
    case AppHandshakeResult::kUntrusted:
      return "untrusted";
    case AppHandshakeResult::kFailed:
      return "failed";
    case AppHandshakeResult::kAppLeft:
      return "app_left";
  }
  return "unknown";
}

std::uint64_t GenerationCounters::errors() const {
  const auto of = [this](Outcome outcome) { return by_outcome[static_cast<std::size_t>(outcome)]; };
  std::uint64_t grpc = 0;
  for (std::size_t code = 0; code < by_grpc_code.size(); ++code) {
    if (http::is_grpc_failure(static_cast<int>(code))) grpc += by_grpc_code[code];
  }
  return by_code_class[5] + grpc + of(Outcome::kAppReset) + of(Outcome::kAppTimeout) +
         of(Outcome::kAmbiguous) + of(Outcome::kBadResponse) + retried_away;
}

void GenerationCounters::add_latency(std::chrono::steady_clock::duration took) {
  const auto micros =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  const auto* bound = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), micros);
  ++latency[static_cast<std::size_t>(bound - kLatencyBounds.begin())];
  latency_sum_us += micros;
}

namespace {

template <typename Array>
void add_all(Array& into, const Array& from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
}

void add_generation(GenerationCounters& into, const GenerationCounters& from) {
  into.requests += from.requests;
  add_all(into.by_code_class, from.by_code_class);
  add_all(into.by_grpc_code, from.by_grpc_code);
  add_all(into.by_outcome, from.by_outcome);
  add_all(into.latency, from.latency);
  into.latency_sum_us += from.latency_sum_us;
  into.in_flight += from.in_flight;
  into.tunnels_open += from.tunnels_open;
  into.tunnels_cut += from.tunnels_cut;
  into.tunnels_told += from.tunnels_told;
  into.retried_away += from.retried_away;
  into.connects += from.connects;
  into.connect_failures += from.connect_failures;
}

}  // namespace

void ShardCounters::add(const ShardCounters& other) {
  for (const GenerationCounters& from : other.generations) {
    auto it = std::find_if(generations.begin(), generations.end(),
                           [&](const GenerationCounters& g) { return g.generation == from.generation; });
    if (it == generations.end())
      generations.push_back(from);
    else
      add_generation(*it, from);
  }
  add_all(without_generation, other.without_generation);
  add_all(handshakes, other.handshakes);
  handshakes_open += other.handshakes_open;
  add_all(app_handshakes, other.app_handshakes);
  proxy_headers += other.proxy_headers;
  proxy_headers_refused += other.proxy_headers_refused;
  accepted += other.accepted;
  clients_open += other.clients_open;
  held_now += other.held_now;
  held_bytes_now += other.held_bytes_now;
  held_total += other.held_total;
  longest_hold_us = std::max(longest_hold_us, other.longest_hold_us);
  longest_hold_reload_us = std::max(longest_hold_reload_us, other.longest_hold_reload_us);
  retried += other.retried;
  requests += other.requests;
  limits.add(other.limits);
}

}  // namespace sidestep::sidecar
