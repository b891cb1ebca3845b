#include "lib/http/h1_writer.h"

#include <array>
#include <charconv>

namespace sidestep::http {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return {};
  }
}

void append_decimal(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), static_cast<std::size_t>(result.ptr - digits.data()));
}

void append_status_line(std::string& out, int status, std::string_view reason) {
  out += "HTTP/1.1 ";
  append_decimal(out, static_cast<std::uint64_t>(status));
  out += ' ';
  out += reason.empty() ? reason_phrase(status) : reason;
  out += "\r\n";
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_header(std::string& out, std::string_view name, std::uint64_t value) {
  out.append(name).append(": ");
  append_decimal(out, value);
  out += "\r\n";
}

void append_chunk_head(std::string& out, std::uint64_t size) {
  std::array<char, 16> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  out.append(digits.data(), static_cast<std::size_t>(result.ptr - digits.data())).append("\r\n");
}

void append_last_chunk(std::string& out, std::string_view trailers) {
  out.append("0\r\n").append(trailers).append("\r\n");
}

void append_own_answer(std::string& out, const OwnAnswer& answer) {
  append_status_line(out, answer.status);
  append_header(out, "Content-Type", "text/plain; charset=utf-8");
  append_header(out, "Content-Length", answer.text.size() + 1);
  append_header(out, "Cache-Control", "no-store");
  if (answer.retry_after.count() > 0) {
    append_header(out, "Retry-After", static_cast<std::uint64_t>(answer.retry_after.count()));
  }
  if (answer.close)
    append_header(out, "Connection", "close");
  else if (answer.http10_client)
    append_header(out, "Connection", "keep-alive");
  out += "\r\n";
  if (!answer.head_only) out.append(answer.text).append("\n");
}

}  // namespace sidestep::http
