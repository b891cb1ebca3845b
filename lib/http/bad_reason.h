// Why a message was refused: one name per rule, the same in logs, metrics and tests, and the status that
// answers it.
#pragma once

#include <cstdint>
#include <string_view>

namespace sidestep::http {

enum class BadReason : std::uint8_t {
  kNone,
  // Lines
  kBareLf,       // LF without CR
  kBareCr,       // CR without LF
  kControlChar,  // NUL, DEL or another control character in a value, a reason or a chunk extension
  kHeadTooLarge,
  // Request line
  kMethod,  // not a token
  kMethodTooLong,
  kMethodRefused,  // CONNECT
  kTargetTooLong,
  kTargetChar,     // white space, control, '#' or 8-bit character
  kTargetForm,     // neither origin-form nor http(s) absolute-form nor "OPTIONS *"
  kUserinfo,       // user@host
  kVersionSyntax,  // not HTTP/D.D followed by CR LF
  kVersion,        // neither HTTP/1.0 nor HTTP/1.1
  // Status line
  kStatusLine,
  kStatusCode,
  // Fields
  kFieldName,  // empty, not a token, or no colon in the line
  kSpaceBeforeColon,
  kFoldedLine,  // a line that begins with white space (obs-fold)
  kTooManyFields,
  kHostMissing,
  kHostRepeated,
  kHostInvalid,
  kExpectation,  // anything but 100-continue
  // Framing
  kLengthInvalid,  // Content-Length that is not only digits
  kLengthRepeated,
  kLengthTooLarge,  // above 2^63-1
  kCodingInvalid,   // Transfer-Encoding that is no list, or where chunked is not last and only once
  kCodingUnsupported,
  kCodingWithLength,
  kCodingInHttp10,
  kBodyNotAllowed,  // TRACE with a body
  // Chunked bodies
  kChunkSize,
  kChunkSizeTooLarge,
  kChunkLineTooLong,
  kChunkExtension,
  kChunkDataEnd,  // no CR LF after the data of a chunk
  kTrailersTooLarge,
  kTrailer,  // a trailer that is not a well-formed field
};

// For logs and labels, for instance "bare_lf".
std::string_view to_string(BadReason reason);

// The status that answers a request refused for that reason (0 for kNone): 400, 413, 414, 417, 431, 501 or
// 505. A response refused for any reason is answered 502.
int status_of(BadReason reason);

}  // namespace sidestep::http
