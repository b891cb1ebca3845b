// The control port's door: the same requests, or the same refusal, however the bytes are cut; what passes is
// within the limits and carries nothing that would be read in another way by the server behind. The first
// byte chooses the size of the pieces.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/front/intake.h"
#include "tests/fuzz/check.h"

namespace {

using sidestep::front::Intake;
using sidestep::front::Limits;
using sidestep::front::Request;
using State = Intake::State;

const Limits kLimits{.max_head_bytes = 512, .max_target_bytes = 64, .max_headers = 16, .max_body_bytes = 256};

struct Outcome {
  std::vector<Request> requests;
  std::string refusal;
};

Outcome read(std::string_view bytes, std::size_t piece) {
  Intake intake(kLimits);
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size() && intake.state() != State::kRefused; at += piece) {
    intake.feed(bytes.substr(at, piece));
    while (intake.state() == State::kWhole) outcome.requests.push_back(intake.take());
  }
  if (intake.state() == State::kRefused) {
    CHECK(intake.refusal().status >= 400 && intake.refusal().status < 600);
    CHECK(!intake.refusal().text.empty() && !intake.refusal().reason.empty());
    outcome.refusal = intake.refusal().reason;
  }
  return outcome;
}

void check_clean(const Request& request) {
  CHECK(request.method == "GET" || request.method == "HEAD" || request.method == "POST");
  CHECK(!request.target.empty() && request.target.size() <= kLimits.max_target_bytes);
  CHECK(request.target.find_first_of(std::string_view(" \r\n\0", 4)) == std::string::npos);
  CHECK(request.body.size() <= kLimits.max_body_bytes);
  CHECK(request.fields.size() <= kLimits.max_headers);
  for (const auto& [name, value] : request.fields) {
    CHECK(!name.empty() && name.find_first_of("_: \r\n") == std::string::npos);
    CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    for (const char* ours : {"Content-Length", "Transfer-Encoding", "Connection", "Host",
                             "Sidestep-Principal", "Sidestep-Door", "X-Forwarded-For"}) {
      CHECK(!sidestep::http::equals_ignoring_case(name, ours));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(bytes, bytes.size() + 1);
  const Outcome pieces = read(bytes, data[0] % 16 + 1U);
  CHECK(whole.requests.size() == pieces.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    check_clean(whole.requests[i]);
    CHECK(whole.requests[i].target == pieces.requests[i].target);
    CHECK(whole.requests[i].fields == pieces.requests[i].fields);
    CHECK(whole.requests[i].body == pieces.requests[i].body);
  }
  // In pieces a head is looked at when it may be whole: a refusal can come later, but no other one.
  CHECK(pieces.refusal.empty() || pieces.refusal == whole.refusal);
  return 0;
}
