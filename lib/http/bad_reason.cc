#include "lib/http/bad_reason.h"

namespace sidestep::http {

std::string_view to_string(BadReason reason) {
  using enum BadReason;
  switch (reason) {
    case kNone:
      return "none";
    case kBareLf:
      return "bare_lf";
    case kBareCr:
      return "bare_cr";
    case kControlChar:
      return "control_char";
    case kHeadTooLarge:
      return "head_too_large";
    case kMethod:
      return "method";
    case kMethodTooLong:
      return "method_too_long";
    case kMethodRefused:
      return "method_refused";
    case kTargetTooLong:
      return "target_too_long";
    case kTargetChar:
      return "target_char";
    case kTargetForm:
      return "target_form";
    case kUserinfo:
      return "userinfo";
    case kVersionSyntax:
      return "version_syntax";
    case kVersion:
      return "version";
    case kStatusLine:
      return "status_line";
    case kStatusCode:
      return "status_code";
    case kFieldName:
      return "field_name";
    case kSpaceBeforeColon:
      return "space_before_colon";
    case kFoldedLine:
      return "folded_line";
    case kTooManyFields:
      return "too_many_fields";
    case kHostMissing:
      return "host_missing";
    case kHostRepeated:
      return "host_repeated";
    case kHostInvalid:
      return "host_invalid";
    case kExpectation:
      return "expectation";
    case kLengthInvalid:
      return "length_invalid";
    case kLengthRepeated:
      return "length_repeated";
    case kLengthTooLarge:
      return "length_too_large";
    case kCodingInvalid:
      return "coding_invalid";
    case kCodingUnsupported:
      return "coding_unsupported";
    case kCodingWithLength:
      return "coding_with_length";
    case kCodingInHttp10:
      return "coding_in_http10";
    case kBodyNotAllowed:
      return "body_not_allowed";
    case kChunkSize:
      return "chunk_size";
    case kChunkSizeTooLarge:
      return "chunk_size_too_large";
    case kChunkLineTooLong:
      return "chunk_line_too_long";
    case kChunkExtension:
      return "chunk_extension";
    case kChunkDataEnd:
      return "chunk_end";
    case kTrailersTooLarge:
      return "trailers_too_large";
    case kTrailer:
      return "trailer";
  }
  return "none";
}

int status_of(BadReason reason) {
  using enum BadReason;
  if (reason == kLengthTooLarge || reason == kChunkSizeTooLarge) return 413;
  if (reason == kTargetTooLong) return 414;
  if (reason == kExpectation) return 417;
  if (reason == kHeadTooLarge || reason == kTooManyFields || reason == kTrailersTooLarge) return 431;
  if (reason == kMethodTooLong || reason == kMethodRefused || reason == kCodingUnsupported) return 501;
  if (reason == kVersion) return 505;
  return 400;
}

}  // namespace sidestep::http
