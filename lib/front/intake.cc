#include "lib/front/intake.h"

#include <array>

namespace sidestep::front {
namespace {

constexpr std::size_t kMostFieldBytes = 8'000;  // the server's own limit for one line is 8192

http::H1Limits h1_limits(const Limits& limits) {
  http::H1Limits h1;
  h1.max_head_bytes = limits.max_head_bytes;
  h1.max_target = limits.max_target_bytes;
  h1.max_headers = limits.max_headers;
  h1.max_trailer_bytes = limits.max_head_bytes;
  return h1;
}

// Fields of the connection, of framing and of routing: the handover sets its own.
bool is_ours_to_set(const http::Header& header) {
  switch (header.id) {
    case http::HeaderId::kConnection:
    case http::HeaderId::kContentLength:
    case http::HeaderId::kExpect:
    case http::HeaderId::kForwarded:
    case http::HeaderId::kHost:
    case http::HeaderId::kHttp2Settings:
    case http::HeaderId::kKeepAlive:
    case http::HeaderId::kProxyConnection:
    case http::HeaderId::kTe:
    case http::HeaderId::kTrailer:
    case http::HeaderId::kTransferEncoding:
    case http::HeaderId::kUpgrade:
    case http::HeaderId::kXRealIp:
    case http::HeaderId::kXForwardedClientCert:
    case http::HeaderId::kXForwardedFor:
    case http::HeaderId::kXForwardedHost:
    case http::HeaderId::kXForwardedPort:
    case http::HeaderId::kXForwardedProto:
    case http::HeaderId::kXForwardedOther:
      return true;
    case http::HeaderId::kCookie:
    case http::HeaderId::kSidestepGeneration:
    case http::HeaderId::kOther:
      break;
  }
  // Ranges and compressed answers are of no use here and have a history of trouble in servers; '_' lets one
  // name pose as another (REMOTE_ADDR is the server's own).
  static constexpr std::array<std::string_view, 5> kNames{kPrincipalField, kDoorField, "Range", "If-Range",
                                                          "Accept-Encoding"};
  for (const std::string_view name : kNames) {
    if (http::equals_ignoring_case(header.name, name)) return true;
  }
  return header.name.find('_') != std::string_view::npos;
}

bool begins_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && http::equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

Intake::Intake(const Limits& limits) : limits_(limits), h1_(h1_limits(limits)) {}

void Intake::refuse(int status, std::string text, std::string reason) {
  refusal_ = {status, std::move(text), std::move(reason)};
  state_ = State::kRefused;
  bytes_.clear();
}

Intake::State Intake::feed(std::string_view bytes) {
  bytes_ += bytes;
  parse();
  return state_;
}

void Intake::parse() {
  if (state_ == State::kHead && !bytes_.empty()) parse_head();
  if (state_ == State::kBody) parse_body();
}

void Intake::parse_head() {
  if (!scanner_.worth_parsing(bytes_, h1_)) return;
  http::RequestHead head;
  const http::HeadResult result = http::parse_request_head(bytes_, h1_, &head, store_);
  if (result.state == http::HeadResult::kNeedMore) return;
  if (result.state == http::HeadResult::kBad) {
    const std::string reason(http::to_string(result.reason));
    return refuse(result.status, "the request cannot be read: " + reason, reason);
  }
  if (!accept_head(head)) return;
  copy_fields(head);
  wants_continue_ = head.expect_continue;
  body_.start(head.framing, head.content_length);
  bytes_.erase(0, result.consumed);
  scanner_.reset();
  state_ = State::kBody;
}

bool Intake::accept_head(const http::RequestHead& head) {
  using http::Method;
  if (head.method != Method::kGet && head.method != Method::kHead && head.method != Method::kPost) {
    refuse(405, "only GET, HEAD and POST are served here", "method");
    return false;
  }
  if (head.framing == http::Framing::kLength && head.content_length > limits_.max_body_bytes) {
    refuse(413, "the body is larger than " + std::to_string(limits_.max_body_bytes) + " bytes",
           "body_too_large");
    return false;
  }
  for (const http::Header& header : head.headers) {
    if (header.name.size() + header.value.size() > kMostFieldBytes) {
      refuse(431, "a header field is longer than " + std::to_string(kMostFieldBytes) + " bytes",
             "field_too_long");
      return false;
    }
    const bool multipart = http::equals_ignoring_case(header.name, "Content-Type") &&
                           begins_with_ignoring_case(header.value, "multipart/");
    if (multipart || http::equals_ignoring_case(header.name, "Content-Encoding")) {
      refuse(415, "send the body plain: no multipart, no Content-Encoding", "media_type");
      return false;
    }
  }
  return true;
}

void Intake::copy_fields(const http::RequestHead& head) {
  request_ = Request();
  request_.method = head.method_text;
  request_.target =
      head.target.substr(0, 1) == "?" ? "/" + std::string(head.target) : std::string(head.target);
  request_.http10 = head.minor_version == 0;
  request_.keep_alive = head.keep_alive;
  const http::Header* connection = http::find_header(head.headers, http::HeaderId::kConnection);
  for (const http::Header& header : head.headers) {
    bool passes = !is_ours_to_set(header);
    if (passes && head.nominates && connection != nullptr) {
      http::for_each_element(connection->value, [&](std::string_view name) {
        if (http::equals_ignoring_case(name, header.name)) passes = false;
      });
    }
    if (passes) request_.fields.emplace_back(header.name, header.value);
  }
}

void Intake::parse_body() {
  std::size_t done = 0;
  while (!body_.finished()) {
    const http::BodyStep step = body_.next(std::string_view(bytes_).substr(done), h1_);
    if (step.bad != http::BadReason::kNone) {
      const std::string reason(http::to_string(step.bad));
      return refuse(http::status_of(step.bad), "the body cannot be read: " + reason, reason);
    }
    request_.body += step.data;
    done += step.consumed;
    if (request_.body.size() > limits_.max_body_bytes) {
      return refuse(413, "the body is larger than " + std::to_string(limits_.max_body_bytes) + " bytes",
                    "body_too_large");
    }
    if (step.consumed == 0) break;
  }
  if (done > 0) wants_continue_ = false;  // the client did not wait
  bytes_.erase(0, done);
  if (body_.finished()) state_ = State::kWhole;
}

bool Intake::take_continue() { return std::exchange(wants_continue_, false) && state_ == State::kBody; }

Request Intake::take() {
  Request request = std::move(request_);
  request_ = Request();
  wants_continue_ = false;
  state_ = State::kHead;
  parse();
  return request;
}

}  // namespace sidestep::front
