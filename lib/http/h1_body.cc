#include "lib/http/h1_body.h"

#include <algorithm>
#include <limits>

#include "lib/http/chars.h"
#include "lib/http/h1_fields.h"

namespace sidestep::http {
namespace {

constexpr std::uint64_t kLargestChunk = std::numeric_limits<std::int64_t>::max();

unsigned hex_value(char c) {
  const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
  return static_cast<unsigned>(value);
}

}  // namespace

void BodyReader::start(Framing framing, std::uint64_t length) {
  *this = BodyReader();
  switch (framing) {
    case Framing::kNone:
      return;
    case Framing::kLength:
      remaining_ = length;
      state_ = length == 0 ? State::kEnd : State::kLength;
      return;
    case Framing::kChunked:
      state_ = State::kSizeFirst;
      return;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      return;
  }
}

BodyStep BodyReader::next(std::string_view bytes, const H1Limits& limits) {
  BodyStep step;
  if (state_ == State::kEnd) {
    step.finished = true;
  } else if (state_ == State::kBad) {
    step.bad = bad_;
  } else if (state_ == State::kLength || state_ == State::kUntilClose) {
    step = fixed(bytes);
  } else {
    step = chunked(bytes, limits);
    if (step.bad != BadReason::kNone) {
      state_ = State::kBad;
      bad_ = step.bad;
    }
  }
  return step;
}

BodyStep BodyReader::fixed(std::string_view bytes) {
  BodyStep step;
  step.data = bytes;
  if (state_ == State::kLength) {
    step.data = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), remaining_)));
    remaining_ -= step.data.size();
    if (remaining_ == 0) state_ = State::kEnd;
  }
  step.consumed = step.data.size();
  step.finished = state_ == State::kEnd;
  return step;
}

// The first payload in `bytes`, or the end, whichever comes first.
BodyStep BodyReader::chunked(std::string_view bytes, const H1Limits& limits) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::kData && state_ != State::kTrailers) {
    const BadReason reason = chunk_line(bytes[at++], limits);
    if (reason != BadReason::kNone) return {at - 1, {}, false, reason, {}};
  }
  BodyStep step;
  if (at == bytes.size()) {
    step.consumed = at;
  } else if (state_ == State::kTrailers) {
    step = trailers(bytes.substr(at), limits);
    step.consumed += at;
    if (step.finished) state_ = State::kEnd;
  } else {
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size() - at, remaining_);
    step.data = bytes.substr(at, static_cast<std::size_t>(size));
    step.consumed = at + step.data.size();
    remaining_ -= size;
    if (remaining_ == 0) state_ = State::kDataCr;
  }
  return step;
}

// One character outside of the payload: after the data of a chunk, or in the line that begins the next one.
BadReason BodyReader::chunk_line(char c, const H1Limits& limits) {
  if (state_ == State::kDataCr || state_ == State::kDataLf) {
    const bool is_cr = state_ == State::kDataCr;
    if (c != (is_cr ? '\r' : '\n')) return BadReason::kChunkDataEnd;
    state_ = is_cr ? State::kDataLf : State::kSizeFirst;
    return BadReason::kNone;
  }
  if (state_ == State::kSizeFirst) line_bytes_ = 0;
  if (++line_bytes_ > limits.max_chunk_line) return BadReason::kChunkLineTooLong;
  if (state_ == State::kSizeLf) {
    if (c != '\n') return BadReason::kBareCr;
    state_ = remaining_ == 0 ? State::kTrailers : State::kData;
    return BadReason::kNone;
  }
  if (c == '\n') return BadReason::kBareLf;
  if (state_ == State::kExtension) return extension(c, limits);
  if (chars::is(c, chars::kHex) && state_ != State::kSpace) return size_digit(c);
  if (state_ == State::kSizeFirst) return BadReason::kChunkSize;
  if (c == '\r' && state_ == State::kSize)
    state_ = State::kSizeLf;
  else if (c == ';')
    state_ = State::kExtension;
  else if (chars::is_space(c))
    state_ = State::kSpace;
  else
    return BadReason::kChunkSize;
  return BadReason::kNone;
}

BadReason BodyReader::size_digit(char c) {
  if (remaining_ > (kLargestChunk >> 4)) return BadReason::kChunkSizeTooLarge;
  remaining_ = remaining_ * 16 + hex_value(c);
  state_ = State::kSize;
  return BadReason::kNone;
}

BadReason BodyReader::extension(char c, const H1Limits& limits) {
  if (c == '\r') {
    state_ = State::kSizeLf;
    return BadReason::kNone;
  }
  if (chars::is_control(c)) return BadReason::kChunkExtension;
  return ++extension_bytes_ > limits.max_chunk_extension_bytes ? BadReason::kChunkExtension
                                                               : BadReason::kNone;
}

BodyStep BodyReader::trailers(std::string_view bytes, const H1Limits& limits) const {
  if (bytes.size() >= 2 && bytes[0] == '\r' && bytes[1] == '\n') return {2, {}, true, BadReason::kNone, {}};
  HeaderStore fields;
  const HeadResult result =
      parse_fields(bytes.substr(0, limits.max_trailer_bytes), 0, limits.max_headers, fields);
  if (result.state == HeadResult::kBad) {
    const bool is_line = result.reason == BadReason::kBareLf || result.reason == BadReason::kBareCr;
    const bool is_many = result.reason == BadReason::kTooManyFields;
    const BadReason reason = is_many   ? BadReason::kTrailersTooLarge
                             : is_line ? result.reason
                                       : BadReason::kTrailer;
    return {result.consumed, {}, false, reason, {}};
  }
  if (result.state == HeadResult::kNeedMore) {
    const bool too_large = bytes.size() >= limits.max_trailer_bytes;
    return {0, {}, false, too_large ? BadReason::kTrailersTooLarge : BadReason::kNone, {}};
  }
  return {result.consumed, {}, true, BadReason::kNone, bytes.substr(0, result.consumed - 2)};
}

}  // namespace sidestep::http
