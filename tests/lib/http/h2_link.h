// Two H2Sessions joined in memory, and hand-made frames for the peers that no library would be.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "lib/http/h2_session.h"

namespace sidestep::http {

inline std::string h2_frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  const auto byte = [&out](std::size_t value) { out += static_cast<char>(value & 0xff); };
  byte(payload.size() >> 16), byte(payload.size() >> 8), byte(payload.size());
  byte(type), byte(flags);
  byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream);
  return out.append(payload);
}

// HPACK without indexing, without Huffman (RFC 7541 6.2.2); names and values below 127 bytes.
inline std::string h2_literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out += static_cast<char>(name.size());
  out.append(name);
  out += static_cast<char>(value.size());
  return out.append(value);
}

inline constexpr unsigned kDataFrame = 0, kHeadersFrame = 1, kPriorityFrame = 2, kRstFrame = 3,
                          kSettingsFrame = 4, kPingFrame = 6, kGoawayFrame = 7, kWindowFrame = 8,
                          kContinuationFrame = 9;
inline constexpr unsigned kEndStream = 1, kEndHeaders = 4;

// Writes down what a session says, one line per call.
struct H2Recorder final : H2Handler {
  struct Stream : H2Stream {};

  H2Stream* new_stream() override {
    if (refuses) return nullptr;
    return &streams.emplace_back();
  }
  void on_request(H2Stream& stream, const H2Fields& fields, bool ends) override {
    log += "request " + std::to_string(stream.id) + " " + std::string(fields.method) + " " +
           std::string(fields.authority) + std::string(fields.path);
    if (!fields.protocol.empty()) log += " protocol=" + std::string(fields.protocol);
    if (fields.refused != BadReason::kNone) log += " refused=" + std::string(to_string(fields.refused));
    add(*fields.headers, ends);
  }
  void on_response(H2Stream&, const H2Fields& fields, bool ends) override {
    log += "response " + std::to_string(fields.status);
    add(*fields.headers, ends);
  }
  void on_data(H2Stream&, std::string_view data) override {
    body += data;
    log += "data " + std::to_string(data.size()) + "\n";
  }
  void on_end(H2Stream&, const HeaderStore* trailers) override {
    log += "end";
    add(trailers == nullptr ? HeaderStore() : *trailers, false);
  }
  void on_closed(H2Stream&, H2Error error) override {
    log += "closed " + std::to_string(static_cast<unsigned>(error)) + "\n";
  }
  void on_goaway(std::int32_t last_id, H2Error error) override {
    log += "goaway " + std::to_string(last_id) + " " + std::to_string(static_cast<unsigned>(error)) + "\n";
  }
  void on_settings() override {}
  void on_ping_ack() override { log += "ping ack\n"; }

  void add(const HeaderStore& fields, bool ends) {
    for (const Header& field : fields) log += " " + std::string(field.name) + "=" + std::string(field.value);
    log += ends ? " ends\n" : "\n";
  }
  std::string take_log() { return std::exchange(log, {}); }

  bool refuses = false;
  std::deque<Stream> streams;
  std::string log, body;
};

struct H2Peer {
  explicit H2Peer(H2Role role, const H2Limits& given = {})
      : limits(given), session(role, limits, events, store) {}
  const H2Limits limits;
  H2Recorder events;
  HeaderStore store;
  H2Session session;
};

// Carries bytes both ways until there are none.
inline void exchange(H2Peer& a, H2Peer& b) {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      const std::string bytes(from->session.output());
      if (bytes.empty()) continue;
      from->session.sent(bytes.size());
      static_cast<void>(to->session.receive(bytes, TimePoint()));
      moved = true;
    }
  }
}

}  // namespace sidestep::http
