#include "lib/http/h1_fields.h"

#include "lib/http/chars.h"

namespace sidestep::http {
namespace {

// What stopped the scan of a value, when it is not CR LF.
BadReason reason_for(char stop) {
  if (stop == '\n') return BadReason::kBareLf;
  if (stop == '\r') return BadReason::kBareCr;
  return BadReason::kControlChar;
}

BadReason reason_for_name(char first, char stop, bool empty) {
  if (empty && chars::is_space(first)) return BadReason::kFoldedLine;
  if (empty && first == '\n') return BadReason::kBareLf;
  if (!empty && chars::is_space(stop)) return BadReason::kSpaceBeforeColon;
  return BadReason::kFieldName;
}

std::string_view trimmed(const char* begin, const char* end) {
  while (begin != end && chars::is_space(*begin)) ++begin;
  while (end != begin && chars::is_space(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

HeadResult parse_fields(std::string_view bytes, std::size_t at, std::size_t max_fields, HeaderStore& store) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const auto offset = [begin](const char* p) { return static_cast<std::size_t>(p - begin); };
  for (const char* p = begin + at;;) {
    if (p == end) return need_more();
    if (*p == '\r') {
      if (p + 1 == end) return need_more();
      if (p[1] != '\n') return bad(offset(p), BadReason::kBareCr);
      return {HeadResult::kDone, offset(p) + 2, BadReason::kNone, 0};
    }
    const char* const colon = chars::skip(p, end, chars::kToken);
    if (colon == end) return need_more();
    if (*colon != ':' || colon == p) return bad(offset(colon), reason_for_name(*p, *colon, colon == p));
    const char* const stop = chars::find_control(colon + 1, end);
    if (stop == end || (*stop == '\r' && stop + 1 == end)) return need_more();
    if (*stop != '\r' || stop[1] != '\n') return bad(offset(stop), reason_for(*stop));
    if (store.size() == max_fields) return bad(offset(p), BadReason::kTooManyFields);
    store.emplace_back(std::string_view(p, static_cast<std::size_t>(colon - p)), trimmed(colon + 1, stop));
    p = stop + 2;
  }
}

}  // namespace sidestep::http
