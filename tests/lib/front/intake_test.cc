#include "lib/front/intake.h"

#include <gtest/gtest.h>

namespace sidestep::front {
namespace {

using State = Intake::State;

std::string get(const std::string& fields = "") {
  return "GET /v1/status?wait=1 HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string post(const std::string& body) {
  return "POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

Request request_of(const std::string& bytes, const Limits& limits = {}) {
  Intake intake(limits);
  EXPECT_EQ(intake.feed(bytes), State::kWhole) << intake.refusal().text;
  return intake.take();
}
int refusal_of(const std::string& bytes, const Limits& limits = {}) {
  Intake intake(limits);
  return intake.feed(bytes) == State::kRefused ? intake.refusal().status : 0;
}
std::string field(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.fields) {
    if (key == name) return value;
  }
  return "absent";
}

TEST(Intake, RequestIsTheSameAtEverySplit) {
  const std::string bytes =
      "POST /v1/reload HTTP/1.1\r\nHost: a\r\nX-A: b\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
  for (std::size_t split = 0; split < bytes.size(); ++split) {
    Intake intake{Limits{}};
    ASSERT_NE(intake.feed(bytes.substr(0, split)), State::kWhole) << split;
    ASSERT_EQ(intake.feed(bytes.substr(split)), State::kWhole) << split;
    const Request request = intake.take();
    EXPECT_EQ(request.body, "abcde");
    EXPECT_EQ(field(request, "X-A"), "b");
  }
}

TEST(Intake, RequestThatComesByteByByteIsRead) {
  Intake intake{Limits{}};
  for (const char c : post("{\"a\":1}")) intake.feed(std::string(1, c));
  ASSERT_EQ(intake.state(), State::kWhole);
  EXPECT_EQ(intake.take().body, "{\"a\":1}");
}

TEST(Intake, PipelinedRequestsComeOneAfterTheOther) {
  Intake intake{Limits{}};
  EXPECT_EQ(intake.feed(post("x") + get() + "GET /h"), State::kWhole);
  EXPECT_EQ(intake.take().method, "POST");
  EXPECT_EQ(intake.state(), State::kWhole);
  EXPECT_EQ(intake.take().target, "/v1/status?wait=1");
  EXPECT_EQ(intake.state(), State::kHead);
  EXPECT_TRUE(intake.has_begun());
}

TEST(Intake, FieldsThatOnlyTheDoorMaySetAreRemoved) {
  const Request request = request_of(
      get("Sidestep-Principal: local\r\nsidestep-door: x\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\n"
          "REMOTE_ADDR: 127.0.0.1\r\nSidestep_Principal: local\r\nRange: bytes=0-\r\n"
          "Accept-Encoding: gzip\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nSidestep-Key: k\r\n"));
  ASSERT_EQ(request.fields.size(), 1U);
  EXPECT_EQ(field(request, "Sidestep-Key"), "k");
  EXPECT_FALSE(request.keep_alive);
}

TEST(Intake, WhatCouldBeReadInTwoWaysIsRefused) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(refusal_of(get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refusal_of(get("Content-Length: 1\r\nContent-Length: 1\r\n")), 400);
  EXPECT_EQ(refusal_of(get("A : b\r\n")), 400);
  EXPECT_EQ(refusal_of(get("A: b\r\n c\r\n")), 400);
  EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n"), 400);
}

TEST(Intake, OnlyPlainGetHeadAndPostPass) {
  EXPECT_EQ(refusal_of("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
  EXPECT_EQ(refusal_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
  EXPECT_EQ(refusal_of(get("Content-Type: Multipart/form-data\r\n")), 415);
  EXPECT_EQ(refusal_of(get("Content-Encoding: gzip\r\n")), 415);
}

TEST(Intake, BoundsAreExact) {
  Limits limits;
  limits.max_body_bytes = 4;
  EXPECT_EQ(request_of(post("1234"), limits).body, "1234");
  EXPECT_EQ(refusal_of(post("12345"), limits), 413);
  EXPECT_EQ(
      refusal_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", limits),
      413);
  limits.max_head_bytes = get().size();
  EXPECT_EQ(refusal_of(get(), limits), 0);
  EXPECT_EQ(refusal_of(get("A: b\r\n"), limits), 431);
  limits = {};
  limits.max_target_bytes = 10;
  EXPECT_EQ(refusal_of(get(), limits), 414);
  limits = {};
  limits.max_headers = 1;
  EXPECT_EQ(refusal_of(get("A: b\r\n"), limits), 431);
  EXPECT_EQ(refusal_of(get("A: " + std::string(8'000, 'x') + "\r\n")), 431);
}

TEST(Intake, HeadWithoutEndIsRefusedAtTheBound) {
  Intake intake{Limits{}};
  intake.feed("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  std::size_t fed = 0;
  for (; intake.state() == State::kHead && fed < 100'000; ++fed) intake.feed("y");
  EXPECT_EQ(intake.state(), State::kRefused);
  EXPECT_LE(fed, Limits{}.max_head_bytes);
}

TEST(Intake, ContinueIsOfferedOnceAndOnlyToAClientThatWaits) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  Intake waiting{Limits{}};
  waiting.feed(head);
  EXPECT_TRUE(waiting.take_continue());
  EXPECT_FALSE(waiting.take_continue());
  Intake eager{Limits{}};
  eager.feed(head + "a");
  EXPECT_FALSE(eager.take_continue());
}

}  // namespace
}  // namespace sidestep::front
