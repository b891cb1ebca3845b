// Frame boundaries are the same however the bytes are cut. The first byte chooses the size of the pieces.
#include <cstdint>
#include <string_view>

#include "lib/http/ws_frames.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sidestep::http::WsFrameTracker;
  if (size == 0) return 0;
  const std::size_t piece = data[0] + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  WsFrameTracker whole;
  const std::size_t boundary = whole.feed(bytes);
  WsFrameTracker pieces;
  std::size_t last = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::size_t within = pieces.feed(bytes.substr(at, piece));
    if (within > 0) last = at + within;
  }
  CHECK(last == boundary);
  CHECK(whole.at_boundary() == pieces.at_boundary() && whole.close_seen() == pieces.close_seen());
  CHECK(whole.is_broken() == pieces.is_broken());
  return 0;
}
