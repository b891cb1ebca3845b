// What our HTTP/1 parser makes of a connection's bytes, for a program that compares it with another parser.
//
// stdin: inputs, each after its length (four bytes, the lowest first). stdout: the same way, lines of
//   request METHOD TARGET BODY    a whole request; the body in hexadecimal, or "-"
//   forward BYTES                 what of it would go to the app, in hexadecimal
//   end clean | more | bad | close
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_body.h"
#include "lib/http/h1_parser.h"
#include "lib/http/h1_writer.h"

namespace {

using namespace sidestep::http;

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text.empty() ? "-" : text;
}

// Takes the body off `rest`; false when it is not whole, or not valid.
bool take_body(const RequestHead& head, std::string_view& rest, std::string& body, BadReason& bad) {
  BodyReader reader;
  reader.start(head.framing, head.content_length);
  while (!reader.finished()) {
    const BodyStep step = reader.next(rest, H1Limits());
    body += step.data;
    rest.remove_prefix(step.consumed);
    bad = step.bad;
    if (bad != BadReason::kNone) return false;
    if (!step.finished && step.consumed == 0) return false;
  }
  return true;
}

std::string forwarded(const RequestHead& head, std::string_view body) {
  ForwardContext context{.client_ip = "198.18.0.7", .local_port = 80, .trusted = false};
  context.framing = head.framing;
  context.content_length = head.content_length;
  context.upgrade = head.upgrade;
  std::string out;
  append_request_head(out, head, context);
  if (head.framing != Framing::kChunked) return out.append(body);
  if (!body.empty()) {
    append_chunk_head(out, body.size());
    out.append(body).append(kChunkEnd);
  }
  append_last_chunk(out, {});
  return out;
}

std::string read(std::string_view rest) {
  std::string lines;
  while (!rest.empty()) {
    RequestHead head;
    HeaderStore store;
    const HeadResult result = parse_request_head(rest, H1Limits(), &head, store);
    if (result.state == HeadResult::kBad) return lines + "end bad\n";
    if (result.state == HeadResult::kNeedMore) return lines + "end more\n";
    rest.remove_prefix(result.consumed);
    std::string body;
    BadReason bad = BadReason::kNone;
    const bool whole = take_body(head, rest, body, bad);
    if (!whole) return lines + (bad == BadReason::kNone ? "end more\n" : "end bad\n");
    lines.append("request ").append(head.method_text).append(" ").append(head.target);
    lines.append(" ").append(hex(body)).append("\nforward ").append(hex(forwarded(head, body))).append("\n");
    if (!head.keep_alive) return lines + "end close\n";
  }
  return lines + "end clean\n";
}

bool get(std::string& input) {
  unsigned char size[4];
  if (std::fread(size, 1, 4, stdin) != 4) return false;
  std::uint32_t length = 0;
  for (int i = 3; i >= 0; --i) length = length << 8 | size[i];
  input.resize(length);
  return std::fread(input.data(), 1, input.size(), stdin) == input.size();
}

void put(const std::string& output) {
  const auto size = static_cast<std::uint32_t>(output.size());
  const unsigned char bytes[4] = {static_cast<unsigned char>(size), static_cast<unsigned char>(size >> 8),
                                  static_cast<unsigned char>(size >> 16),
                                  static_cast<unsigned char>(size >> 24)};
  std::fwrite(bytes, 1, 4, stdout);
  std::fwrite(output.data(), 1, output.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

int main() {
  for (std::string input; get(input);) put(read(input));
}
