// What a proxy has to know of gRPC over HTTP/2 (grpc.io, PROTOCOL-HTTP2.md): which messages are gRPC, what
// their status says, and where a message ends. Payload is never looked at. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/http/message.h"

namespace sidestep::http {

inline constexpr std::size_t kGrpcCodes = 17;  // 0 to 16
inline constexpr int kGrpcUnknown = 2;
inline constexpr int kGrpcUnavailable = 14;
inline constexpr std::string_view kGrpcStatus = "grpc-status";

// By Content-Type: application/grpc, with any suffix or parameters. gRPC-Web is not meant.
bool is_grpc(std::span<const Header> headers);

// The code of a "grpc-status" value; kGrpcUnknown for anything that is none.
int grpc_code_of(std::string_view value);
std::string_view grpc_code_name(int code);  // "UNAVAILABLE"; "UNKNOWN" for a code that is none

// gRPC's own mapping for an answer that carries no grpc-status (http-grpc-status-mapping.md).
int grpc_code_of_http(int status);

// A failure of the server, as a 5xx is: the codes that google.rpc.Code maps to a 5xx. NOT_FOUND and the like
// are answers that the client has earned.
constexpr bool is_grpc_failure(int code) {
  return code == kGrpcUnknown || code == 4 /* DEADLINE_EXCEEDED */ || code == 12 /* UNIMPLEMENTED */ ||
         code == 13 /* INTERNAL */ || code == kGrpcUnavailable || code == 15 /* DATA_LOSS */;
}

// "grpc-status: 14\r\ngrpc-message: …\r\n": trailers, or the fields of an answer without any body.
std::string grpc_status_lines(int code, std::string_view message);

// Follows the messages of one direction by their five-byte heads.
class GrpcFrameTracker {
 public:
  // Returns how many of the bytes lie before the last end of a message in them.
  std::size_t feed(std::string_view bytes);
  bool at_boundary() const { return filled_ == 0 && payload_left_ == 0; }
  // Whole messages so far; stops at 255.
  int messages() const { return messages_; }

 private:
  std::array<unsigned char, 5> head_{};
  std::uint8_t filled_ = 0;  // of head_
  std::uint8_t messages_ = 0;
  std::uint32_t payload_left_ = 0;
};

}  // namespace sidestep::http
