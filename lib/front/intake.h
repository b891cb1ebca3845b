// Bytes of one client connection → clean requests, one at a time, whole and bounded; or one refusal, after
// which nothing on the connection can be trusted. Strict framing comes from lib/http (RFC 9112); on top of it
// only GET, HEAD and POST pass, without content codings and multipart bodies.
//
// Pure: no sockets, no clocks. Holds the bytes that belong to a later request (pipelining) until it is asked
// for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/front/settings.h"
#include "lib/http/h1_body.h"
#include "lib/http/h1_parser.h"

namespace sidestep::front {

struct Refusal {
  int status = 400;
  std::string text;    // one sentence for a person
  std::string reason;  // for counters
};

class Intake {
 public:
  enum class State : std::uint8_t {
    kHead,     // more bytes of a head are needed (or none came yet)
    kBody,     // more bytes of the body are needed
    kWhole,    // take() gives a request
    kRefused,  // refusal() says why; terminal
  };

  explicit Intake(const Limits& limits);

  State feed(std::string_view bytes);  // REQUIRES: state is kHead or kBody
  State state() const { return state_; }
  // Bytes of the present request have come.
  bool has_begun() const { return state_ != State::kHead || !bytes_.empty(); }
  // True once, when the client waits for "100 Continue" before it sends the body.
  bool take_continue();
  // The whole request; then goes on with the bytes that came after it. REQUIRES: state is kWhole.
  Request take();
  const Refusal& refusal() const { return refusal_; }

 private:
  void parse();
  void parse_head();
  void parse_body();
  bool accept_head(const http::RequestHead& head);
  void copy_fields(const http::RequestHead& head);
  void refuse(int status, std::string text, std::string reason);

  const Limits limits_;
  const http::H1Limits h1_;
  http::HeaderStore store_;
  http::HeadScanner scanner_;
  http::BodyReader body_;
  std::string bytes_;  // not yet consumed
  Request request_;
  Refusal refusal_;
  State state_ = State::kHead;
  bool wants_continue_ = false;
};

}  // namespace sidestep::front
