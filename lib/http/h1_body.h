// Bodies of HTTP/1 messages (RFC 9112 6 and 7): bytes → slices of payload, until the end of the message.
// Chunk sizes and extensions are taken off and dropped; lines end in CR LF only; sizes do not wrap.
//
// Holds no bytes: slices are views into what was passed in. Does not re-frame (h1_writer.h) and does not
// choose which trailers may pass (forwarding.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/http/bad_reason.h"
#include "lib/http/h1_limits.h"
#include "lib/http/message.h"

namespace sidestep::http {

struct BodyStep {
  std::size_t consumed = 0;  // bytes done with; present the rest again, followed by what comes next
  std::string_view data;     // payload, a view into the bytes; may be empty though bytes were consumed
  bool finished = false;     // the message ends after `consumed`
  BadReason bad = BadReason::kNone;  // not kNone: the rest of the connection cannot be read; close it
  std::string_view
      trailers;  // with finished: the trailer field lines, checked, each with its CR LF; often empty
};

class BodyReader {
 public:
  // `length` counts for Framing::kLength only.
  void start(Framing framing, std::uint64_t length);

  // Call until `finished`, `bad`, or nothing is consumed: then more bytes are needed. Only a trailer section
  // that is not yet whole leaves bytes unconsumed. After the end it returns finished and consumes nothing.
  BodyStep next(std::string_view bytes, const H1Limits& limits);

  // The message has ended. True at once for an empty body.
  bool finished() const { return state_ == State::kEnd; }
  // The connection ended here: was that the end of the message? An unfinished message must never be made to
  // look whole.
  bool complete_at_eof() const { return state_ == State::kEnd || state_ == State::kUntilClose; }
  // Payload that is still to come: exact with kLength, of the current chunk with kChunked.
  std::uint64_t remaining() const { return remaining_; }
  // Bytes that follow and are payload and nothing else; 0 unless the length is known.
  std::uint64_t plain_remaining() const { return state_ == State::kLength ? remaining_ : 0; }
  // So many of them have passed elsewhere. REQUIRES: count <= plain_remaining().
  void skip(std::uint64_t count) {
    remaining_ -= count;
    if (remaining_ == 0) state_ = State::kEnd;
  }

 private:
  enum class State : std::uint8_t {
    kEnd,
    kLength,
    kUntilClose,
    kSizeFirst,  // the first digit of a chunk size is due
    kSize,
    kSpace,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
    kBad,
  };

  BodyStep fixed(std::string_view bytes);
  BodyStep chunked(std::string_view bytes, const H1Limits& limits);
  BodyStep trailers(std::string_view bytes, const H1Limits& limits) const;
  BadReason chunk_line(char c, const H1Limits& limits);
  BadReason size_digit(char c);
  BadReason extension(char c, const H1Limits& limits);

  std::uint64_t remaining_ = 0;
  std::uint32_t line_bytes_ = 0;       // of the current chunk line
  std::uint32_t extension_bytes_ = 0;  // of the whole body
  State state_ = State::kEnd;
  BadReason bad_ = BadReason::kNone;
};

}  // namespace sidestep::http
