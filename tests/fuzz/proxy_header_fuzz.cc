// A PROXY header means the same however much follows it, every beginning of it needs more, and what was read
// is read back from what our writer makes of it.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/proxy_header.h"
#include "tests/fuzz/check.h"

using namespace sidestep::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ProxyHeader header;
  const ProxyResult result = parse_proxy_header(bytes, &header);
  ProxyHeader ignored;
  if (result.state == ProxyResult::kNeedMore) CHECK(size < kMostProxyHeader);
  if (result.state != ProxyResult::kDone) return 0;
  CHECK(result.size <= size && result.size <= kMostProxyHeader);
  for (std::size_t cut = 0; cut < result.size; ++cut)
    CHECK(parse_proxy_header(bytes.substr(0, cut), &ignored).state == ProxyResult::kNeedMore);
  for (const auto append : {append_proxy_v1, append_proxy_v2}) {
    std::string written;
    append(written, header);
    ProxyHeader again;
    const ProxyResult second = parse_proxy_header(written, &again);
    CHECK(second.state == ProxyResult::kDone && second.size == written.size());
    CHECK(again == header);
  }
  return 0;
}
