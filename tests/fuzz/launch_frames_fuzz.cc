// Frames of the launcher protocol: found at the same places however the bytes are cut, and decoded as every
// message without reading beyond their end. The first byte chooses the size of the pieces.
#include <cstdint>
#include <string_view>
#include <vector>

#include "sidecar/launch/protocol.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sidestep::launch;

std::vector<Frame> frames_of(std::string_view bytes, std::size_t piece) {
  FrameReader reader;
  std::vector<Frame> frames;
  Frame frame{};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.push(bytes.substr(at, piece));
    FrameReader::Next next = reader.next(frame);
    for (; next == FrameReader::Next::kFrame; next = reader.next(frame)) frames.push_back(frame);
    if (next == FrameReader::Next::kBroken) break;
  }
  return frames;
}

template <typename... T>
void decode_as(const Frame& frame) {
  (void)(decode<T>(frame).has_value() + ... + 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = frames_of(bytes, bytes.size() + 1);
  const auto pieces = frames_of(bytes, data[0] + 1U);
  CHECK(whole.size() == pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(whole[i].body == pieces[i].body);
  for (const Frame& frame : whole)
    decode_as<Hello, State, Spawned, Exited, ConfigHash, Welcome, Spawn, Snapshot>(frame);
  decode_as<State, Spawn>({Type::kState, std::string(bytes)});
  return 0;
}
