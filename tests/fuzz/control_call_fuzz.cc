// Calls of the control API over TCP. A call signed for what it says is let in; changed in any part, or made
// up, it is refused. Bodies are read or refused with a reason, and what was read is written and read the
// same. The first byte chooses the field that is changed, the second how; the rest is the body, or the
// fields.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "sidecar/admin/auth.h"
#include "sidecar/admin/commands_of.h"
#include "tests/fuzz/check.h"
#include "tests/support/fake_clock.h"

namespace {

using namespace sidestep;
using namespace sidestep::sidecar;

constexpr const char* kFields[] = {"sidestep-time", "sidestep-nonce", "sidestep-epoch", "sidestep-lease",
                                   "sidestep-pod",  "sidestep-boot",  "sidestep-key",   "sidestep-signature"};

struct World {
  World() {
    char name[] = "/tmp/sidestep-fuzz-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder = name;
    std::ofstream(folder + "/key.pem") << key.public_pem();
  }
  ~World() { std::filesystem::remove_all(folder); }

  std::string reason(const Call& call) {  // "" when it is let in
    Authority authority({folder, "pod-1", ""}, {});
    const Judgement judgement = authority.judge(call, "boot-1", clock);
    CHECK(judgement.caller == Caller::kOperator);
    return judgement.refusal ? judgement.refusal->reason : "";
  }

  test::FakeClock clock;
  const policy::PrivateKey key = policy::PrivateKey::generate();
  std::string folder;
};

Call signed_call(World& world, std::string body) {
  const auto now = std::chrono::duration_cast<Millis>(world.clock.wall().time_since_epoch()).count();
  const policy::CommandHead head{
      "POST",  "/v1/weight?a=b", policy::sha256_hex(body), now, std::string(32, 'a'), 7, "lease-1",
      "pod-1", "boot-1"};
  Call call;
  call.method = "POST", call.path = "/v1/weight", call.query = "a=b", call.body = std::move(body);
  const std::string values[] = {std::to_string(now),
                                head.nonce,
                                "7",
                                "lease-1",
                                "pod-1",
                                "boot-1",
                                world.key.id(),
                                world.key.sign(policy::canonical(head))};
  for (std::size_t i = 0; i < std::size(kFields); ++i) call.fields[kFields[i]] = values[i];
  return call;
}

void change(std::string& text, std::uint8_t how) {
  if (text.empty() || how % 3 == 0)
    text += static_cast<char>('0' + how % 64);
  else if (how % 3 == 1)
    text.pop_back();
  else
    text[how % text.size()] = static_cast<char>(text[how % text.size()] ^ 1);
}

void read_bodies(const std::string& body) {
  for (const wire::Unknown unknown : {wire::Unknown::kRefuse, wire::Unknown::kIgnore}) {
    if (const auto reload = wire::read_reload_request(body, unknown)) {
      const auto again = wire::read_reload_request(wire::write(*reload), wire::Unknown::kRefuse);
      CHECK(again.has_value() && *again == *reload);
      (void)reload_command(*reload);
    } else {
      CHECK(!reload.error().detail.empty());
    }
    if (const auto steer = wire::read_steer_request(body, unknown)) {
      const auto again = wire::read_steer_request(wire::write(*steer), wire::Unknown::kRefuse);
      CHECK(again.has_value() && *again == *steer);
    }
  }
  (void)wire::read_status(body);
  (void)wire::read_failure(body);
  (void)wire::read_decisions(body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size < 2) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  read_bodies(body);
  Call call = signed_call(world, body);
  CHECK(world.reason(call).empty());
  const std::size_t which = data[0] % (std::size(kFields) + 3);
  if (which < std::size(kFields)) change(call.fields[kFields[which]], data[1]);
  if (which == std::size(kFields)) change(call.body, data[1]);
  if (which == std::size(kFields) + 1) change(call.path, data[1]);
  if (which == std::size(kFields) + 2) change(call.query, data[1]);
  CHECK(!world.reason(call).empty());
  for (std::size_t i = 0; i < std::size(kFields); ++i) {  // made up: the bytes themselves, cut into fields
    const std::size_t part = body.size() / std::size(kFields);
    call.fields[kFields[i]] = body.substr(i * part, part);
  }
  CHECK(!world.reason(call).empty());
  return 0;
}
