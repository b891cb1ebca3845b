#include "lib/http/bad_reason.h"

#include <array>
#include <cstddef>

namespace sidestep::http {
namespace {

struct Row {
  BadReason reason;
  std::string_view name;
  int status;
};

constexpr std::array kRows = {
    Row{BadReason::kNone, "none", 0},
    Row{BadReason::kBareLf, "bare_lf", 400},
    Row{BadReason::kBareCr, "bare_cr", 400},
    Row{BadReason::kControlChar, "control_char", 400},
    Row{BadReason::kHeadTooLarge, "head_too_large", 431},
    Row{BadReason::kMethod, "method", 400},
    Row{BadReason::kMethodTooLong, "method_too_long", 501},
    Row{BadReason::kMethodRefused, "method_refused", 501},
    Row{BadReason::kTargetTooLong, "target_too_long", 414},
    Row{BadReason::kTargetChar, "target_char", 400},
    Row{BadReason::kTargetForm, "target_form", 400},
    Row{BadReason::kUserinfo, "userinfo", 400},
    Row{BadReason::kVersionSyntax, "version_syntax", 400},
    Row{BadReason::kVersion, "version", 505},
    Row{BadReason::kStatusLine, "status_line", 400},
    Row{BadReason::kStatusCode, "status_code", 400},
    Row{BadReason::kFieldName, "field_name", 400},
    Row{BadReason::kSpaceBeforeColon, "space_before_colon", 400},
    Row{BadReason::kFoldedLine, "folded_line", 400},
    Row{BadReason::kTooManyFields, "too_many_fields", 431},
    Row{BadReason::kHostMissing, "host_missing", 400},
    Row{BadReason::kHostRepeated, "host_repeated", 400},
    Row{BadReason::kHostInvalid, "host_invalid", 400},
    Row{BadReason::kExpectation, "expectation", 417},
    Row{BadReason::kLengthInvalid, "length_invalid", 400},
    Row{BadReason::kLengthRepeated, "length_repeated", 400},
    Row{BadReason::kLengthTooLarge, "length_too_large", 413},
    Row{BadReason::kCodingInvalid, "coding_invalid", 400},
    Row{BadReason::kCodingUnsupported, "coding_unsupported", 501},
    Row{BadReason::kCodingWithLength, "coding_with_length", 400},
    Row{BadReason::kCodingInHttp10, "coding_in_http10", 400},
    Row{BadReason::kBodyNotAllowed, "body_not_allowed", 400},
    Row{BadReason::kChunkSize, "chunk_size", 400},
    Row{BadReason::kChunkSizeTooLarge, "chunk_size_too_large", 413},
    Row{BadReason::kChunkLineTooLong, "chunk_line_too_long", 400},
    Row{BadReason::kChunkExtension, "chunk_extension", 400},
    Row{BadReason::kChunkDataEnd, "chunk_end", 400},
    Row{BadReason::kTrailersTooLarge, "trailers_too_large", 431},
    Row{BadReason::kTrailer, "trailer", 400},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].reason != static_cast<BadReason>(i)) return false;
  }
  return kRows.size() == static_cast<std::size_t>(BadReason::kTrailer) + 1;
}
static_assert(in_order(), "one row per reason, in the order of the enum");

const Row& row_of(BadReason reason) { return kRows[static_cast<std::size_t>(reason)]; }

}  // namespace

std::string_view to_string(BadReason reason) { return row_of(reason).name; }

int status_of(BadReason reason) { return row_of(reason).status; }

}  // namespace sidestep::http
