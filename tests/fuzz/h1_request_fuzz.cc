// A request head means the same however it is cut, and what crosses the proxy is read by our own strict
// parser as the same request: same method, target, Host, framing, nothing of the hop before.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sidestep::http;

const H1Limits kLimits{.max_head_bytes = 4096, .max_target = 512, .max_headers = 32};

void check_prefixes(std::string_view bytes, const HeadResult& whole) {
  RequestHead head;
  HeaderStore store;
  const std::size_t step = bytes.size() / 64 + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    const HeadResult part = parse_request_head(bytes.substr(0, size), kLimits, &head, store);
    if (part.state == HeadResult::kNeedMore) continue;
    CHECK(part.state == whole.state && part.reason == whole.reason && part.consumed == whole.consumed);
  }
}

void check_views(std::string_view bytes, const RequestHead& head, std::size_t consumed) {
  const auto inside = [&](std::string_view view) {
    return view.empty() ||
           (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + consumed);
  };
  for (const Header& header : head.headers) {
    CHECK(inside(header.name) && inside(header.value));
    CHECK(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  }
  CHECK(inside(head.method_text) && inside(head.authority));
}

void check_forwarded(const RequestHead& head, bool trusted) {
  ForwardContext context{.client_ip = "198.18.0.7", .local_port = 80, .trusted = trusted};
  context.framing = head.framing;
  context.content_length = head.content_length;
  context.upgrade = head.upgrade;
  std::string out;
  append_request_head(out, head, context);
  RequestHead again;
  HeaderStore store;
  const HeadResult result = parse_request_head(out, H1Limits(), &again, store);
  CHECK(result.state == HeadResult::kDone && result.consumed == out.size());
  CHECK(again.method_text == head.method_text);
  CHECK(again.target.substr(head.target.starts_with('?') ? 1 : 0) == head.target);
  CHECK(again.authority == (head.authority.empty() ? "localhost" : head.authority));
  CHECK(again.framing == head.framing && again.content_length == head.content_length);
  CHECK(again.keep_alive && again.minor_version == 1);
  CHECK(again.upgrade == head.upgrade && again.websocket == head.websocket);
  CHECK(again.expect_continue == head.expect_continue);
  for (const Header& header : again.headers) {
    CHECK(header.id != HeaderId::kKeepAlive && header.id != HeaderId::kProxyConnection);
    CHECK(header.id != HeaderId::kHttp2Settings);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RequestHead head;
  HeaderStore store;
  const HeadResult whole = parse_request_head(bytes, kLimits, &head, store);
  CHECK((whole.state == HeadResult::kBad) == (whole.reason != BadReason::kNone));
  check_prefixes(bytes, whole);
  if (whole.state != HeadResult::kDone) return 0;
  CHECK(whole.consumed <= bytes.size() && bytes.substr(0, whole.consumed).ends_with("\r\n\r\n"));
  check_views(bytes, head, whole.consumed);
  check_forwarded(head, false);
  check_forwarded(head, true);
  return 0;
}
