// One replacement of the worker by another, cell by cell of the table in the header.
#include "sidecar/core/handover.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar::handover {
namespace {

using namespace std::chrono_literals;

class HandoverTest : public ::testing::Test {
 protected:
  std::vector<Effect> on(Event event) {
    Step step = advance(std::move(model_), event, now_);
    model_ = std::move(step.model);
    return step.effects;
  }
  template <typename T>
  static const T* find(const std::vector<Effect>& effects) {
    for (const Effect& effect : effects) {
      if (const auto* found = std::get_if<T>(&effect)) return found;
    }
    return nullptr;
  }
  // Given up: undone, reported, and nothing else.
  void expect_given_up(const std::vector<Effect>& effects, const std::string& why) {
    ASSERT_EQ(effects.size(), 2U);
    EXPECT_NE(find<Undo>(effects), nullptr);
    const auto* report = find<Report>(effects);
    ASSERT_NE(report, nullptr);
    EXPECT_TRUE(report->has_ended && !report->succeeded);
    EXPECT_NE(report->message.find(why), std::string::npos) << report->message;
    EXPECT_TRUE(is_resting(model_));
  }
  void ask() { on(Asked{"n1", true, ""}); }
  void prove() { on(Proved{"n1"}); }

  Model model_{Resting{}, 0, {30s, 10s}};
  TimePoint now_{};
};

TEST_F(HandoverTest, AnUpgradeProvesItselfTakesOverAndIsDone) {
  const auto asked = on(Asked{"n1", true, ""});
  ASSERT_NE(find<Start>(asked), nullptr);
  EXPECT_EQ(find<Start>(asked)->nonce, "n1");
  EXPECT_EQ(find<Report>(asked)->id, 1U);
  const auto proved = on(Proved{"n1"});
  ASSERT_EQ(proved.size(), 1U);
  EXPECT_NE(find<Commit>(proved), nullptr);
  const auto serves = on(Serves{});
  EXPECT_TRUE(find<Report>(serves)->succeeded);
  EXPECT_TRUE(is_resting(model_));
}

TEST_F(HandoverTest, OneAtATimeTheSecondIsRefusedAndNamesTheFirst) {
  ask();
  now_ += 2s;
  const auto second = on(Asked{"n2", true, ""});
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(find<Refuse>(second)->why.find("upgrade 1 is under way since 2 s"), std::string::npos);
  prove();
  EXPECT_NE(find<Refuse>(on(Asked{"n3", true, ""})), nullptr);  // until the new one serves
}

TEST_F(HandoverTest, WhatCannotBeDoneIsRefusedWithTheReason) {
  const auto asked = on(Asked{"n1", false, "the proxy ends"});
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(find<Refuse>(asked)->why, "the proxy ends");
  EXPECT_EQ(model_.attempts, 0U);
}

TEST_F(HandoverTest, AnyFailureBeforeTheProofLeavesThePresentWorker) {
  const std::vector<std::pair<Event, std::string>> failures = {
      {NewFailed{"no memory"}, "no memory"},
      {CurrentFailed{"no descriptors"}, "no descriptors"},
      {Term{}, "told to end"},
      {Proved{"n0"}, "another process"},
  };
  for (const auto& [event, why] : failures) {
    ask();
    expect_given_up(on(event), why);
    if (std::holds_alternative<Proved>(event)) continue;
    model_.attempts = 0;
  }
}

TEST_F(HandoverTest, AWorkerThatDoesNotProveItselfInTimeIsGivenUp) {
  ask();
  now_ += 29'999ms;
  EXPECT_TRUE(on(Deadline{}).empty());
  now_ += 1ms;
  expect_given_up(on(Deadline{}), "--upgrade-timeout");
}

TEST_F(HandoverTest, AfterAFailureItCanBeTriedAgain) {
  ask();
  on(NewFailed{"x"});
  const auto again = on(Asked{"n2", true, ""});
  EXPECT_EQ(find<Report>(again)->id, 2U);
  EXPECT_NE(find<Commit>(on(Proved{"n2"})), nullptr);
}

TEST_F(HandoverTest, ACrashWhileItTakesOverUndoesNothing) {
  ask(), prove();
  const auto crashed = on(NewFailed{"signal 11"});
  EXPECT_EQ(find<Undo>(crashed), nullptr);
  EXPECT_FALSE(find<Report>(crashed)->succeeded);
  EXPECT_TRUE(is_resting(model_));
}

// Nobody accepts at that moment, so it must not last.
TEST_F(HandoverTest, AWorkerThatTakesOverAndDoesNotServeInTimeIsEnded) {
  ask();
  now_ += 20s;
  prove();
  ASSERT_TRUE(deadline(model_));
  EXPECT_EQ(*deadline(model_), now_ + 10s);
  now_ += 9'999ms;
  EXPECT_TRUE(on(Deadline{}).empty());
  now_ += 1ms;
  const auto late = on(Deadline{});
  EXPECT_NE(find<End>(late), nullptr);
  EXPECT_EQ(find<Undo>(late), nullptr);
  ASSERT_NE(find<Report>(late), nullptr);
  EXPECT_FALSE(find<Report>(late)->succeeded);
  EXPECT_NE(find<Report>(late)->message.find("did not serve within 10 s"), std::string::npos);
  EXPECT_TRUE(is_resting(model_));
}

TEST_F(HandoverTest, WhatComesLateIsIgnored) {
  for (const Event& event :
       std::vector<Event>{Proved{"n1"}, Serves{}, NewFailed{"x"}, CurrentFailed{"x"}, Deadline{}, Term{}}) {
    EXPECT_TRUE(on(event).empty());
  }
  EXPECT_FALSE(deadline(model_));
  ask(), prove();
  for (const Event& event : std::vector<Event>{Proved{"n1"}, CurrentFailed{"x"}, Deadline{}, Term{}})
    EXPECT_TRUE(on(event).empty());
}

}  // namespace
}  // namespace sidestep::sidecar::handover
