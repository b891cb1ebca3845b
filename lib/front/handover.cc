#include "lib/front/handover.h"

#include <algorithm>

#include "lib/http/h1_writer.h"

namespace sidestep::front {
namespace {

bool passes(const http::Header& header) {
  return header.id != http::HeaderId::kConnection && header.id != http::HeaderId::kKeepAlive &&
         header.id != http::HeaderId::kContentLength && header.id != http::HeaderId::kTransferEncoding &&
         header.id != http::HeaderId::kTrailer && header.id != http::HeaderId::kUpgrade;
}

// The whole body, or none when it is broken or cut off.
std::optional<std::string> whole_body(std::string_view bytes, const http::ResponseHead& head,
                                      const http::H1Limits& limits) {
  http::BodyReader reader;
  reader.start(head.framing, head.content_length);
  std::string body;
  while (!reader.finished()) {
    const http::BodyStep step = reader.next(bytes, limits);
    if (step.bad != http::BadReason::kNone) return std::nullopt;
    body += step.data;
    bytes.remove_prefix(step.consumed);
    if (step.consumed == 0) break;
  }
  if (!reader.complete_at_eof()) return std::nullopt;
  return body;
}

std::string head_for_client(const Reply& reply, const Request& request, std::uint64_t length, bool close) {
  std::string out;
  http::append_status_line(out, reply.status);
  for (const auto& [name, value] : reply.fields) http::append_header(out, name, value);
  if (reply.status != 204 && reply.status != 304) http::append_header(out, "Content-Length", length);
  if (close)
    http::append_header(out, "Connection", "close");
  else if (request.http10)
    http::append_header(out, "Connection", "keep-alive");
  return out + "\r\n";
}

}  // namespace

std::string handover_request(const Request& request, const Principal& principal,
                             const std::string& door_token) {
  std::string out = request.method + " " + request.target + " HTTP/1.1\r\n";
  http::append_header(out, "Host", "localhost");
  http::append_header(out, "Connection", "close");
  http::append_header(out, kDoorField, door_token);
  http::append_header(out, kPrincipalField, principal.is_local ? "local" : "tcp " + principal.address);
  for (const auto& [name, value] : request.fields) http::append_header(out, name, value);
  if (request.method == "POST") http::append_header(out, "Content-Length", request.body.size());
  out += "\r\n";
  if (request.method == "POST") out += request.body;
  return out;
}

std::optional<std::string> answer_for_client(std::string_view bytes, const Request& request, bool close) {
  http::H1Limits limits;
  http::HeaderStore store;
  http::ResponseHead head;
  const http::Method method = http::method_of(request.method);
  http::HeadResult result;
  do {
    result = http::parse_response_head(bytes, method, limits, &head, store);
    if (result.state != http::HeadResult::kDone) return std::nullopt;
    bytes.remove_prefix(result.consumed);
  } while (http::is_interim(head.status));
  const std::optional<std::string> body = whole_body(bytes, head, limits);
  if (!body) return std::nullopt;
  Reply reply{head.status, {}, *body};
  for (const http::Header& header : head.headers) {
    if (passes(header)) reply.fields.emplace_back(header.name, header.value);
  }
  if (!request.head_only()) return reply_for_client(reply, request, close);
  return head_for_client(reply, request, head.content_length, close);
}

std::string reply_for_client(const Reply& reply, const Request& request, bool close) {
  std::string out = head_for_client(reply, request, reply.body.size(), close);
  if (!request.head_only()) out += reply.body;
  return out;
}

}  // namespace sidestep::front
