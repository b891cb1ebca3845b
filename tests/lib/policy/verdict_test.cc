// Error counts in, a judgement out: what is clear is said early, and chance is not taken for a fault.
#include "lib/policy/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace sidestep::policy {
namespace {

const Analysis kAnalysis{};  // 1 % above active, 50 requests

Verdict verdict(Sample active, Sample candidate) { return judge(active, candidate, kAnalysis).verdict; }

TEST(VerdictTest, FewRequestsAreNoVerdict) {
  EXPECT_EQ(verdict({1000, 0}, {0, 0}), Verdict::kTooLittle);
  EXPECT_EQ(verdict({1000, 0}, {49, 0}), Verdict::kTooLittle);
  EXPECT_EQ(verdict({1000, 0}, {50, 0}), Verdict::kGood);
}

TEST(VerdictTest, OneOrTwoErrorsAreNeverWorse) {
  for (std::uint64_t requests = 1; requests < 200; ++requests) {
    EXPECT_NE(verdict({100'000, 0}, {requests, 1}), Verdict::kWorse) << requests;
    EXPECT_NE(verdict({0, 0}, {requests, std::min<std::uint64_t>(requests, 2)}), Verdict::kWorse) << requests;
  }
}

TEST(VerdictTest, CandidateThatFailsAlwaysIsSeenAtTheThirdRequest) {
  EXPECT_EQ(verdict({50, 0}, {2, 2}), Verdict::kTooLittle);
  EXPECT_EQ(verdict({50, 0}, {3, 3}), Verdict::kWorse);
  EXPECT_EQ(verdict({0, 0}, {3, 3}), Verdict::kWorse);
}

TEST(VerdictTest, TwentyPercentErrorsAreSeenWithinFiftyRequests) {
  EXPECT_EQ(verdict({50, 0}, {50, 10}), Verdict::kWorse);
  EXPECT_EQ(verdict({950, 0}, {50, 10}), Verdict::kWorse);
  EXPECT_EQ(verdict({950, 9}, {50, 10}), Verdict::kWorse);
}

TEST(VerdictTest, CandidateAsBadAsActiveIsGood) {
  EXPECT_EQ(verdict({1000, 200}, {100, 21}), Verdict::kGood);
  EXPECT_EQ(verdict({1000, 1000}, {100, 100}), Verdict::kGood);
}

TEST(VerdictTest, WorseByLessThanTheLimitIsGoodHoweverCertain) {
  EXPECT_EQ(verdict({10'000'000, 0}, {10'000'000, 90'000}), Verdict::kGood);
  EXPECT_EQ(verdict({10'000'000, 0}, {10'000'000, 110'000}), Verdict::kWorse);
}

TEST(VerdictTest, ReasonNamesBothSamples) {
  const Judgement judgement = judge({200, 1}, {50, 10}, kAnalysis);
  EXPECT_EQ(judgement.why,
            "candidate: 10 of 50 requests failed (20.00 %), active: 1 of 200 requests failed (0.50 %); the "
            "limit is "
            "1.00 % above active");
}

TEST(VerdictTest, MoreErrorsThanRequestsCountAsAll) { EXPECT_EQ(verdict({10, 0}, {5, 50}), Verdict::kWorse); }

// A judge that looks after every request must still seldom err: both sides fail at the same rate here.
TEST(VerdictTest, EqualSidesAreSeldomCalledWorseThoughLookedAtAfterEveryRequest) {
  std::mt19937 random(7);
  std::bernoulli_distribution fails(0.01);
  int wrong = 0;
  for (int run = 0; run < 400; ++run) {
    Sample active;
    Sample candidate;
    for (int request = 0; request < 2000; ++request) {
      Sample& side = request % 2 == 0 ? active : candidate;
      ++side.requests;
      if (fails(random)) ++side.errors;
      if (verdict(active, candidate) == Verdict::kWorse) {
        ++wrong;
        break;
      }
    }
  }
  EXPECT_LE(wrong, 8);  // 2 %
}

TEST(VerdictTest, TwentyPercentErrorsAreSeenWithinSixtyRequestsInNineRunsOfTen) {
  std::mt19937 random(7);
  std::bernoulli_distribution fails(0.2);
  int seen = 0;
  for (int run = 0; run < 400; ++run) {
    Sample candidate;
    for (int request = 0; request < 60; ++request) {
      ++candidate.requests;
      if (fails(random)) ++candidate.errors;
      if (verdict({candidate.requests, 0}, candidate) == Verdict::kWorse) {
        ++seen;
        break;
      }
    }
  }
  EXPECT_GE(seen, 360);
}

}  // namespace
}  // namespace sidestep::policy
