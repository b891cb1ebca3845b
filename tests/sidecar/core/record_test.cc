// What survives a restart of the proxy.
#include "sidecar/core/record.h"

#include <gtest/gtest.h>

#include "tests/sidecar/core/machine_world.h"

namespace sidestep::sidecar {
namespace {

class RecordTest : public ::testing::Test, public MachineWorld {
 protected:
  void SetUp() override { serve(); }
  Record recorded() {
    const auto where = [this](Generation g) {
      return Whereabouts{AppAddress{static_cast<std::uint16_t>(40'000 + number(g)), {}}, now.wall};
    };
    return record_of(model, where, now);
  }
  // As the next proxy sees it: through the text.
  Model reborn() {
    Result<Record> read = decode(encode(recorded()));
    EXPECT_TRUE(read.has_value());
    return restore({}, policy, {{"other"}, {}, {}}, *read, now);
  }
};

TEST_F(RecordTest, TextAndBackKeepsEveryField) {
  Asked asked;
  asked.command.id = "r\t1\n";
  asked.command.token = "t\\";
  asked.command.command = {"a b", ""};
  asked.command.env = {{"K", "v=\t"}};
  on(asked);
  const std::string text = encode(recorded());
  const Result<Record> read = decode(text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(encode(*read), text);
  EXPECT_EQ(read->running->id, "r\t1\n");
  EXPECT_EQ(read->generations.at(1).member.recipe.command, (std::vector<std::string>{"a b", ""}));
}

TEST_F(RecordTest, ARecordThatIsCutOffIsNotUsed) {
  ask();
  const std::string text = encode(recorded());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    if (cut > 0 && text[cut - 1] == '\n') continue;  // a whole line less is a record of an older version
    EXPECT_FALSE(decode(std::string_view(text).substr(0, cut)).has_value()) << cut;
  }
}

TEST_F(RecordTest, LinesOfANewerVersionAreIgnored) {
  EXPECT_TRUE(decode(encode(recorded()) + "weather\tsunny\n").has_value());
}

TEST_F(RecordTest, TheNextProxyServesFromTheActiveGenerationAtOnce) {
  model = reborn();
  EXPECT_EQ(routed(), gen(1));
  on(LauncherUp{{gen(1)}, {}});
  EXPECT_EQ(phase(), Phase::kServing);
  EXPECT_EQ(model.generations.active.member.recipe.command, (std::vector<std::string>{"app", "{port}"}));
}

TEST_F(RecordTest, AReloadBeforeItsPromotionIsInterruptedAndItsCandidateStopped) {
  judge();
  model = reborn();
  EXPECT_EQ(routed(), gen(1));
  EXPECT_EQ(last_ended().phase, ReloadPhase::kInterrupted);
  on(LauncherUp{{gen(1), gen(2)}, {}});
  EXPECT_TRUE(stopped(2));
}

TEST_F(RecordTest, APromotedGenerationStaysActive) {
  ask(), on(Ready{gen(2)});
  model = reborn();
  EXPECT_EQ(routed(), gen(2));
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSucceeded);
  on(LauncherUp{{gen(1), gen(2)}, {}});
  EXPECT_TRUE(stopped(1));
}

TEST_F(RecordTest, NumbersGoOnGrowing) {
  ask(), on(exited(2, 1));
  model = reborn();
  on(LauncherUp{{gen(1)}, {}}), ask("r2");
  EXPECT_TRUE(spawned(3));
}

TEST_F(RecordTest, ActiveThatEndedMeanwhileIsStartedOnItsSnapshot) {
  model = reborn();
  on(LauncherUp{});
  after(0ms);
  ASSERT_EQ(count<Spawn>(), 2U);
  EXPECT_EQ(model.generations.active.member.snapshot_of, gen(1));
  EXPECT_EQ(model.generations.active.member.generation, gen(2));
}

TEST_F(RecordTest, AWarmGenerationStaysWarm) {
  edit().strategy.rollback_window = 300s;
  ask(), on(Ready{gen(2)}), on(Idle{gen(1)});
  model = reborn();
  on(LauncherUp{{gen(1), gen(2)}, {}});
  EXPECT_FALSE(stopped(1));
  on(exited(2, 1));
  EXPECT_EQ(routed(), gen(1));
}

TEST_F(RecordTest, InAPodTheCommandIsTheAppContainersOwn) {
  model = restore({}, policy, {}, std::nullopt, now);
  on(LauncherUp{{}, {"server", "--port={port}"}});
  ASSERT_NE(did<Spawn>(), nullptr);
  EXPECT_EQ(did<Spawn>()->member.recipe.command, (std::vector<std::string>{"server", "--port={port}"}));
}

TEST_F(RecordTest, WithoutAnyRecordTheGivenCommandIsStarted) {
  model = restore({}, policy, {{"other"}, {}, {}}, std::nullopt, now);
  on(LauncherUp{});
  ASSERT_NE(did<Spawn>(), nullptr);
  EXPECT_EQ(did<Spawn>()->member.recipe.command, std::vector<std::string>{"other"});
}

}  // namespace
}  // namespace sidestep::sidecar
