// A body means the same however it is cut: payload, end, trailers and verdict. What is framed again by our
// writer is read back as the same payload. The first two bytes choose framing and the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_body.h"
#include "lib/http/h1_writer.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sidestep::http;

const H1Limits kLimits{
    .max_headers = 8, .max_trailer_bytes = 256, .max_chunk_line = 32, .max_chunk_extension_bytes = 64};

struct Outcome {
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;
  bool finished = false;
  BadReason bad = BadReason::kNone;

  bool operator==(const Outcome&) const = default;
};

// Feeds `bytes` so that each call sees at most `piece` new ones.
Outcome read(std::string_view bytes, Framing framing, std::uint64_t length, std::size_t piece,
             const H1Limits& limits = kLimits) {
  Outcome outcome;
  BodyReader reader;
  reader.start(framing, length);
  std::size_t seen = 0;
  while (!outcome.finished && outcome.bad == BadReason::kNone) {
    const std::string_view window = bytes.substr(outcome.consumed, seen - outcome.consumed);
    const BodyStep step = reader.next(window, limits);
    CHECK(step.consumed <= window.size());
    outcome.data += step.data;
    outcome.consumed += step.consumed;
    outcome.finished = step.finished;
    outcome.bad = step.bad;
    outcome.trailers = step.trailers;
    if (step.consumed > 0 || step.finished) continue;
    if (seen == bytes.size()) break;
    seen += std::min(piece, bytes.size() - seen);
  }
  CHECK(reader.finished() == outcome.finished);
  CHECK(!outcome.finished || reader.complete_at_eof());
  return outcome;
}

std::string framed_again(const Outcome& outcome) {
  std::string out;
  if (!outcome.data.empty()) {
    append_chunk_head(out, outcome.data.size());
    out.append(outcome.data).append(kChunkEnd);
  }
  std::string trailers;
  HeaderStore store;
  append_trailers(trailers, outcome.trailers, {}, kLimits, store);
  append_last_chunk(out, trailers);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto framing = static_cast<Framing>(data[0] & 3);
  const std::uint64_t length = data[0] >> 2;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = read(bytes, framing, length, bytes.size() + 1);
  CHECK(whole == read(bytes, framing, length, data[1] % 16 + 1U));
  if (framing != Framing::kChunked || !whole.finished) return 0;
  const std::string again = framed_again(whole);
  const Outcome back = read(again, Framing::kChunked, 0, again.size(), H1Limits());
  CHECK(back.finished && back.data == whole.data && back.consumed == again.size());
  return 0;
}
