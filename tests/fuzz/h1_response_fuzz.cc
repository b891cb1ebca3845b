// A response head means the same however it is cut, and what the client gets is read as the same response.
// The first byte chooses the method that is answered and what the proxy makes of the framing.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sidestep::http;

const H1Limits kLimits{.max_head_bytes = 4096, .max_headers = 32};

void check_prefixes(std::string_view bytes, Method method, const HeadResult& whole) {
  ResponseHead head;
  HeaderStore store;
  const std::size_t step = bytes.size() / 64 + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    const HeadResult part = parse_response_head(bytes.substr(0, size), method, kLimits, &head, store);
    if (part.state == HeadResult::kNeedMore) continue;
    CHECK(part.state == whole.state && part.reason == whole.reason && part.consumed == whole.consumed);
  }
}

void check_forwarded(const ResponseHead& head, Method method, bool close) {
  ResponseContext context{.close = close};
  context.chunked = head.framing == Framing::kChunked || (head.framing == Framing::kUntilClose && !close);
  context.upgrade = head.upgrade;
  context.generation = 7;
  std::string out;
  append_response_head(out, head, context);
  ResponseHead again;
  HeaderStore store;
  const HeadResult result = parse_response_head(out, method, H1Limits(), &again, store);
  CHECK(result.state == HeadResult::kDone && result.consumed == out.size());
  CHECK(again.status == head.status);
  CHECK(again.framing == (context.chunked ? Framing::kChunked : head.framing));
  if (head.framing == Framing::kLength) CHECK(again.content_length == head.content_length);
  if (!is_interim(head.status) && head.status != 101) CHECK(again.keep_alive == !close);
  CHECK(again.upgrade == head.upgrade);
  CHECK(find_header(again.headers, HeaderId::kSidestepGeneration)->value == "7");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Method method = (data[0] & 1) != 0 ? Method::kHead : Method::kGet;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ResponseHead head;
  HeaderStore store;
  const HeadResult whole = parse_response_head(bytes, method, kLimits, &head, store);
  CHECK(whole.state != HeadResult::kBad || whole.status == 502);
  check_prefixes(bytes, method, whole);
  if (whole.state == HeadResult::kDone) check_forwarded(head, method, (data[0] & 2) != 0);
  return 0;
}
