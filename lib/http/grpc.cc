#include "lib/http/grpc.h"

#include <algorithm>
#include <charconv>

namespace sidestep::http {
namespace {

constexpr std::array<std::string_view, kGrpcCodes> kNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

bool is_grpc(std::span<const Header> headers) {
  constexpr std::string_view kType = "application/grpc";
  const Header* type = find_header(headers, "content-type");
  if (type == nullptr || !equals_ignoring_case(type->value.substr(0, kType.size()), kType)) return false;
  const std::string_view rest = type->value.substr(kType.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == ' ';
}

int grpc_code_of(std::string_view value) {
  unsigned code = kGrpcUnknown;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), code);
  const bool valid = error == std::errc() && end == value.data() + value.size() && code < kGrpcCodes;
  return valid ? static_cast<int>(code) : kGrpcUnknown;
}

std::string_view grpc_code_name(int code) {
  const bool known = code >= 0 && code < static_cast<int>(kGrpcCodes);
  return kNames[static_cast<std::size_t>(known ? code : kGrpcUnknown)];
}

int grpc_code_of_http(int status) {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return kGrpcUnavailable;
    default:
      return kGrpcUnknown;
  }
}

std::string grpc_status_lines(int code, std::string_view message) {
  std::string lines(kGrpcStatus);
  return lines.append(": ")
      .append(std::to_string(code))
      .append("\r\ngrpc-message: ")
      .append(message)
      .append("\r\n");
}

std::size_t GrpcFrameTracker::feed(std::string_view bytes) {
  std::size_t boundary = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    if (payload_left_ > 0) {
      const auto step = static_cast<std::uint32_t>(std::min<std::size_t>(payload_left_, bytes.size() - at));
      payload_left_ -= step;
      at += step;
    } else {
      head_[filled_++] = static_cast<unsigned char>(bytes[at++]);
      if (filled_ < head_.size()) continue;
      filled_ = 0;
      for (std::size_t i = 1; i < head_.size(); ++i) payload_left_ = payload_left_ << 8 | head_[i];
    }
    if (payload_left_ > 0) continue;
    if (messages_ < 255) ++messages_;
    boundary = at;
  }
  return boundary;
}

}  // namespace sidestep::http
