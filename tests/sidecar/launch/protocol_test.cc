// Round trips, every truncation, every flipped byte: what comes from the other container is never trusted.
#include "sidecar/launch/protocol.h"

#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

Frame frame_of(const std::string& bytes) {
  FrameReader reader;
  reader.push(bytes);
  Frame frame{};
  EXPECT_EQ(reader.next(frame), FrameReader::Next::kFrame);
  return frame;
}

Spawn example() {
  Spawn spawn;
  spawn.generation = 7;
  spawn.argv = {"/bin/app", "--port", "8080", ""};
  spawn.env = {"PORT=8080", std::string("ODD=\0\xff", 6)};
  spawn.wants_socket = true;
  spawn.config_generation = 6;
  return spawn;
}

State full_state() {
  State state;
  state.running.resize(2);
  state.running[0].generation = 1;
  state.running[1].generation = ~std::uint64_t{0};
  state.running[1].argv = {"a", "b"};
  state.snapshots = {{1, "v1:sha256:00"}};
  state.record = std::string(1000, '\0');
  state.names = {"one", "two"};
  return state;
}

TEST(ProtocolTest, AMessageArrivesAsItWasSent) {
  const auto got = decode<Spawn>(frame_of(encode(example())));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->generation, 7U);
  EXPECT_EQ(got->argv, example().argv);
  EXPECT_EQ(got->env, example().env);
  EXPECT_TRUE(got->wants_socket);
  EXPECT_EQ(got->config_generation, 6U);
}

TEST(ProtocolTest, NestedListsArriveAsTheyWereSent) {
  const auto got = decode<State>(frame_of(encode(full_state())));
  ASSERT_TRUE(got);
  ASSERT_EQ(got->running.size(), 2U);
  EXPECT_EQ(got->running[1].generation, ~std::uint64_t{0});
  EXPECT_EQ(got->running[1].argv, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(got->snapshots[0].hash, "v1:sha256:00");
  EXPECT_EQ(got->record.size(), 1000U);
}

TEST(ProtocolTest, FramesAreFoundWhereverTheStreamIsCut) {
  const std::string stream = encode(example()) + encode(Gone{3}) + encode(TermSeen{});
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameReader reader;
    std::vector<Type> types;
    Frame frame{};
    for (const auto& part : {stream.substr(0, cut), stream.substr(cut)}) {
      reader.push(part);
      while (reader.next(frame) == FrameReader::Next::kFrame) types.push_back(frame.type);
    }
    EXPECT_EQ(types, (std::vector{Type::kSpawn, Type::kGone, Type::kTermSeen})) << "cut at " << cut;
  }
}

TEST(ProtocolTest, ATruncatedStreamNeverYieldsAFrame) {
  const std::string whole = encode(example());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    FrameReader reader;
    reader.push(whole.substr(0, size));
    Frame frame{};
    EXPECT_EQ(reader.next(frame), FrameReader::Next::kNeedMore) << size;
  }
}

TEST(ProtocolTest, ATruncatedBodyIsRefusedUnlessItEndsBetweenFields) {
  const Frame whole = frame_of(encode(example()));
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.body.size(); ++size) {
    if (decode<Spawn>({whole.type, whole.body.substr(0, size)})) ++accepted;
  }
  EXPECT_EQ(accepted, 9U);  // nine fields: before each of them
}

TEST(ProtocolTest, AFlippedByteIsDecodedOrRefusedButNeverReadBeyondTheEnd) {
  const Frame whole = frame_of(encode(full_state()));
  for (std::size_t i = 0; i < whole.body.size(); ++i) {
    Frame bent = whole;
    bent.body[i] = static_cast<char>(~bent.body[i]);
    (void)decode<State>(bent);  // the sanitizers are the judges
  }
}

TEST(ProtocolTest, AFrameAboveTheBoundBreaksTheStream) {
  FrameReader reader;
  std::string head;
  wire::append_integer(head, kMaxFrameBytes + 1, 4);
  reader.push(head);
  Frame frame{};
  EXPECT_EQ(reader.next(frame), FrameReader::Next::kBroken);
}

TEST(ProtocolTest, AFrameWithoutATypeBreaksTheStream) {
  FrameReader reader;
  reader.push(std::string("\0\0\0\1x", 5));
  Frame frame{};
  EXPECT_EQ(reader.next(frame), FrameReader::Next::kBroken);
}

TEST(ProtocolTest, UnknownFieldsAreIgnoredAndMissingOnesKeepTheirDefault) {
  std::string body;
  wire::append_field(body, 999, "from the future");
  wire::append_value(body, 1, std::uint64_t{5});
  const auto got = decode<Stop>({Type::kStop, body});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->generation, 5U);
  EXPECT_EQ(got->kill_after_ms, 0U);
}

TEST(ProtocolTest, AnIntegerOfAnotherSizeIsRefused) {
  std::string body;
  wire::append_field(body, 1, "1234");
  EXPECT_FALSE(decode<Stop>({Type::kStop, body}));
}

// The bytes of the first release: a launcher in a running pod is never younger than its proxy.
TEST(ProtocolTest, TheWireFormatIsTheOneOfTheFirstRelease) {
  const std::string expected(
      "\x00\x00\x00\x1e\x00\x43"
      "\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x05"
      "\x00\x02\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x03\xe8",
      34);
  EXPECT_EQ(encode(Stop{5, 1000}), expected);
}

}  // namespace
}  // namespace sidestep::launch
