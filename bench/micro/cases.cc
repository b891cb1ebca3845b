#include "bench/micro/cases.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"
#include "lib/http/h1_writer.h"
#include "lib/loop/timers.h"
#include "sidecar/core/weight_choice.h"

namespace sidestep::bench {
namespace {

using namespace sidestep::http;

// What wrk sends.
constexpr std::string_view kSmall = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

// What a browser sends: ten fields.
constexpr std::string_view kBrowser =
    "GET /shop/items?id=42&sort=price HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/shop/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; lang=en\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Date: Mon, 23 Nov 2026 09:30:00 GMT\r\n"
    "Content-Length: 128\r\n\r\n";

constexpr std::size_t kChunks = 8;
constexpr std::size_t kChunkBytes = 1024;

// The result is used, so that the work is not optimised away.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

std::function<void()> parse_request(std::string_view bytes) {
  const auto store = std::make_shared<HeaderStore>();
  return [=, head = RequestHead()]() mutable { keep(parse_request_head(bytes, H1Limits(), &head, *store)); };
}

std::function<void()> parse_response() {
  const auto store = std::make_shared<HeaderStore>();
  return [=, head = ResponseHead()]() mutable {
    keep(parse_response_head(kAnswer, Method::kGet, H1Limits(), &head, *store));
  };
}

std::function<void()> forward_request(std::string_view bytes) {
  const auto store = std::make_shared<HeaderStore>();
  RequestHead head;
  parse_request_head(bytes, H1Limits(), &head, *store);
  return [store, head, out = std::string()]() mutable {
    out.clear();
    append_request_head(out, head, {.client_ip = "198.18.0.7", .local_port = 8080});
    keep(out);
  };
}

std::function<void()> forward_response() {
  const auto store = std::make_shared<HeaderStore>();
  ResponseHead head;
  parse_response_head(kAnswer, Method::kGet, H1Limits(), &head, *store);
  return [store, head, out = std::string()]() mutable {
    out.clear();
    append_response_head(out, head, ResponseContext());
    keep(out);
  };
}

std::function<void()> read_chunks() {
  std::string bytes;
  for (std::size_t i = 0; i < kChunks; ++i) {
    append_chunk_head(bytes, kChunkBytes);
    bytes.append(std::string(kChunkBytes, 'x')).append(kChunkEnd);
  }
  append_last_chunk(bytes);
  return [bytes] {
    BodyReader reader;
    reader.start(Framing::kChunked, 0);
    for (std::string_view rest = bytes; !reader.finished();)
      rest.remove_prefix(reader.next(rest, H1Limits()).consumed);
    keep(reader);
  };
}

std::function<void()> choose_by_weight() {
  const auto choice = std::make_shared<sidecar::WeightChoice>();
  choice->set(500, 7);
  return [choice] { keep(choice->next_is_candidate()); };
}

// A limit that is set anew by each request and never comes due, as on a busy connection.
std::function<void()> rearm_timer() {
  struct Armed {
    TimePoint now{};
    TimerWheel wheel{now};
    FunctionTimer timer{[] {}};
  };
  const auto armed = std::make_shared<Armed>();
  return [armed] {
    armed->now += Millis(1);
    armed->wheel.arm(armed->timer, armed->now + Seconds(60));
    armed->wheel.advance(armed->now);
  };
}

}  // namespace

std::span<const Case> cases() {
  static const std::array<Case, 9> kCases{{
      {"parse_request/small", kSmall.size(), [] { return parse_request(kSmall); }},
      {"parse_request/ten_fields", kBrowser.size(), [] { return parse_request(kBrowser); }},
      {"parse_response", kAnswer.size(), parse_response},
      {"forward_request/small", 0, [] { return forward_request(kSmall); }},
      {"forward_request/ten_fields", 0, [] { return forward_request(kBrowser); }},
      {"forward_response", 0, forward_response},
      {"read_chunks/1024", kChunks * kChunkBytes, read_chunks},
      {"choose_by_weight", 0, choose_by_weight},
      {"rearm_timer", 0, rearm_timer},
  }};
  return kCases;
}

}  // namespace sidestep::bench
