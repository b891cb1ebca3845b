// The control thread between a launcher and a plane that the test plays. Probes go to real sockets on
// loopback; nothing sleeps: the loop is turned until what is waited for has happened.
#include "sidecar/io/driver.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "lib/loop/socket.h"
#include "tests/support/fake_launcher.h"
#include "tests/support/fake_plane.h"

namespace sidestep::sidecar {
namespace {

constexpr Generation gen(std::uint32_t n) { return Generation{n}; }

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.command = {"app", "--port={port}", "--n={generation}"};
    options_.env = {{"GREETING", "hi {port}"}};
    options_.run_mode = true;
  }
  void TearDown() override { driver_.reset(); }

  void boot(const std::string& journal = "") {
    driver_ = std::make_unique<Driver>(
        DriverParts{loop_, system_clock(), options_, launcher_, plane_, board_,
                    [this](const std::string& record) { journals_.push_back(record); },
                    [this](ExitStatus exit) { quit_ = exit; }, "boot", "", 7});
    driver_->start(journal, {});
  }
  template <typename Condition>
  bool turn_until(Condition condition) {
    for (int i = 0; i < 400; ++i) {
      if (condition()) return true;
      loop_.run_once(Millis{10});
    }
    return false;
  }
  // Plays the app of the newest order: bound to the port that it was told, which makes it ready.
  void app_listens() {
    const std::size_t newest = launcher_.orders.size() - 1;
    Result<UniqueFd> listener = listen_tcp("127.0.0.1", launcher_.port_of(newest));
    ASSERT_TRUE(listener.has_value());
    apps_.push_back(std::move(*listener));
  }
  void serve() {
    boot();
    driver_->on_launcher(LauncherUp{});
    ASSERT_EQ(launcher_.orders.size(), 1U);
    driver_->on_launcher(Spawned{gen(1), 41, ""});
    app_listens();
    ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(1); }));
  }
  CommandReply ask(Command command) {
    std::optional<CommandReply> reply;
    driver_->submit(std::move(command), [&](CommandReply answer) { reply = std::move(answer); });
    EXPECT_TRUE(turn_until([&] { return reply.has_value(); }));
    return reply.value_or(CommandReply{});
  }

  EventLoop loop_;
  Options options_;
  FakeLauncher launcher_;
  FakePlane plane_;
  SnapshotBoard board_;
  std::vector<std::string> journals_;
  std::optional<ExitStatus> quit_;
  std::vector<UniqueFd> apps_;
  std::unique_ptr<Driver> driver_;
};

TEST_F(DriverTest, TheFirstGenerationGetsItsPortInCommandAndEnvironment) {
  serve();
  const SpawnOrder& order = launcher_.orders[0];
  const std::string port = std::to_string(launcher_.port_of(0));
  EXPECT_EQ(order.command, (std::vector<std::string>{"app", "--port=" + port, "--n=1"}));
  EXPECT_NE(std::find(order.env.begin(), order.env.end(), "GREETING=hi " + port), order.env.end());
  EXPECT_EQ(board_.newest()->active->pid, 41);
  EXPECT_TRUE(board_.newest()->ready);
}

TEST_F(DriverTest, AReloadMovesTheTableAndStopsThePreviousOneOnlyWhenIdle) {
  serve();
  plane_.of(gen(1)).requests = 5;
  const CommandReply reply = ask(ReloadCommand{});
  ASSERT_TRUE(reply.ok());
  ASSERT_EQ(launcher_.orders.size(), 2U);
  EXPECT_NE(launcher_.port_of(1), launcher_.port_of(0));
  app_listens();
  ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(2); }));
  EXPECT_TRUE(launcher_.stopped.empty());
  plane_.of(gen(1)).requests = 8;
  driver_->on_idle(gen(1), plane_.table().version);
  EXPECT_EQ(launcher_.stopped, std::vector<Generation>{gen(1)});
  const SnapshotPtr picture = board_.newest();
  EXPECT_EQ(picture->reload->phase, ReloadPhase::kSucceeded);
  EXPECT_EQ(picture->reload->receipt.requests.at(1), 3U);
  EXPECT_EQ(picture->verdicts.at(0).count, 1U);
}

TEST_F(DriverTest, IdleUnderAnEarlierTableDoesNotCount) {
  serve();
  ask(ReloadCommand{});
  app_listens();
  ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(2); }));
  driver_->on_idle(gen(1), plane_.table().version - 1);
  EXPECT_TRUE(launcher_.stopped.empty());
}

TEST_F(DriverTest, AReadyCandidateIsNoticedWithinAFewTurns) {
  serve();
  ask(ReloadCommand{});
  for (int i = 0; i < 20; ++i) loop_.run_once(Millis{5});
  EXPECT_EQ(plane_.active(), gen(1));
  app_listens();
  const TimePoint before = loop_.now();
  ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(2); }));
  EXPECT_LT(loop_.now() - before, Millis{200});  // 5 ms on a machine that has time
}

TEST_F(DriverTest, AnotherReloadWhileOneStartsIsAConflict) {
  serve();
  ask(ReloadCommand{});
  const CommandReply reply = ask(ReloadCommand{});
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error->kind, ErrorKind::kConflict);
}

// While the state is on its way to another worker.
TEST_F(DriverTest, FrozenItDecidesNothingAndThawedItDoesWhatWasAskedMeanwhile) {
  serve();
  driver_->freeze();
  std::optional<CommandReply> reply;
  driver_->submit(ReloadCommand{}, [&](CommandReply answer) { reply = std::move(answer); });
  for (int i = 0; i < 10; ++i) loop_.run_once(Millis{1});
  EXPECT_FALSE(reply);
  EXPECT_EQ(launcher_.orders.size(), 1U);
  driver_->thaw();
  ASSERT_TRUE(turn_until([&] { return reply.has_value(); }));
  EXPECT_TRUE(reply->ok());
  EXPECT_EQ(launcher_.orders.size(), 2U);
}

TEST_F(DriverTest, WhatWasAskedOfAWorkerThatIsReplacedMayBeAskedAgainAndIsNotDone) {
  serve();
  driver_->freeze();
  std::optional<CommandReply> early;
  driver_->submit(ReloadCommand{}, [&](CommandReply answer) { early = std::move(answer); });
  for (int i = 0; i < 10; ++i) loop_.run_once(Millis{1});
  driver_->retire();
  const CommandReply late = ask(ReloadCommand{});
  ASSERT_TRUE(early && early->error && late.error);
  EXPECT_EQ(early->error->retry, Retry::kSafe);
  EXPECT_EQ(late.error->retry, Retry::kSafe);
  EXPECT_EQ(launcher_.orders.size(), 1U);
}

TEST_F(DriverTest, AFailedCandidateIsToldWithItsOutput) {
  serve();
  ask(ReloadCommand{});
  Exited exited;
  exited.generation = gen(2);
  exited.status = 3;
  exited.output = {"boom"};
  driver_->on_launcher(exited);
  EXPECT_EQ(plane_.active(), gen(1));
  EXPECT_EQ(board_.newest()->reload->output, std::vector<std::string>{"boom"});
  EXPECT_EQ(board_.newest()->reload->exit->status, 3);
  driver_->on_launcher(OutputTail{gen(2), {}});  // asked for when it was gone already
  EXPECT_EQ(board_.newest()->reload->output, std::vector<std::string>{"boom"});
}

TEST_F(DriverTest, OutputThatIsFetchedLaterReachesTheRecord) {
  serve();
  options_.policy.readiness.start_deadline = Seconds{1};
  ask(ReloadCommand{});
  ask(AbortCommand{});
  EXPECT_EQ(launcher_.tails, std::vector<Generation>{gen(2)});
  driver_->on_launcher(OutputTail{gen(2), {"was busy"}});
  EXPECT_EQ(board_.newest()->reload->output, std::vector<std::string>{"was busy"});
}

TEST_F(DriverTest, WorseErrorsInJudgingTakeTheCandidateBack) {
  options_.policy.rollout.steps = {{{}, 5000, Seconds{60}}, {{}, 10'000, Seconds{0}}};
  serve();
  ask(ReloadCommand{});
  app_listens();
  ASSERT_TRUE(turn_until([&] { return plane_.table().candidate_weight == 5000; }));
  plane_.of(gen(1)).requests = 500;
  plane_.of(gen(2)).requests = 500;
  plane_.of(gen(2)).by_code_class[5] = 100;
  ASSERT_TRUE(turn_until([&] { return !plane_.table().candidate; }));
  EXPECT_EQ(board_.newest()->reload->reason, ReloadReason::kErrorRate);
}

TEST_F(DriverTest, ARestartStartsFromTheGoodSnapshotAndTakesNoNewOne) {
  options_.policy.config = {{"/etc/app", policy::SnapshotMode::kPinned}};
  serve();
  EXPECT_EQ(launcher_.snapshots.size(), 1U);
  Exited exited;
  exited.generation = gen(1);
  driver_->on_launcher(exited);
  ASSERT_TRUE(turn_until([&] { return launcher_.orders.size() == 2; }));
  EXPECT_EQ(launcher_.orders[1].config_of, gen(1));
  EXPECT_EQ(launcher_.snapshots.size(), 1U);
}

TEST_F(DriverTest, OfPinnedSourcesActiveStartsWithWhatIsKeptAndACandidateOfTheOperatorWithWhatIsStaged) {
  options_.policy.config = {{"/etc/app", policy::SnapshotMode::kPinned}};
  options_.policy.triggers.sources = {
      {policy::SourceKind::kConfigMap, "cfg", {}, {}, policy::SourceMode::kPinned}};
  serve();
  ReloadCommand command;
  command.managed = true;
  ask(command);
  ASSERT_TRUE(turn_until([&] { return launcher_.contents.size() == 2; }));
  EXPECT_EQ(launcher_.contents[0], ConfigContent::kKept);
  EXPECT_EQ(launcher_.contents[1], ConfigContent::kStaged);
}

TEST_F(DriverTest, WhoAsksInThePodItselfGetsWhatTheMountHolds) {
  options_.policy.config = {{"/etc/app", policy::SnapshotMode::kPinned}};
  options_.policy.triggers.sources = {
      {policy::SourceKind::kConfigMap, "cfg", {}, {}, policy::SourceMode::kPinned}};
  serve();
  ask(ReloadCommand{});
  ASSERT_TRUE(turn_until([&] { return launcher_.contents.size() == 2; }));
  EXPECT_EQ(launcher_.contents[1], ConfigContent::kMounted);
}

TEST_F(DriverTest, ASnapshotThatWentWithItsContainerIsTakenAgain) {
  options_.policy.config = {{"/etc/app", policy::SnapshotMode::kPinned}};
  serve();
  driver_->on_launcher(LauncherLost{});
  driver_->on_launcher(LauncherUp{});  // another container: nothing runs, no snapshot is there
  ASSERT_TRUE(turn_until([&] { return launcher_.orders.size() == 2; }));
  ASSERT_EQ(launcher_.snapshots.size(), 2U);
  EXPECT_EQ(launcher_.snapshots[1].first, launcher_.orders[1].config_of);
}

TEST_F(DriverTest, TheNextWorkerServesFromTheJournalBeforeTheLauncherIsBack) {
  serve();
  const std::string journal = journals_.back();
  EXPECT_EQ(launcher_.record, journal);
  driver_.reset();
  boot(journal);
  EXPECT_EQ(plane_.active(), gen(1));
  EXPECT_EQ(plane_.table().active->address.port, launcher_.port_of(0));
  EXPECT_EQ(launcher_.orders.size(), 1U);
}

TEST_F(DriverTest, WithTheJournalLostTheLaunchersRecordCounts) {
  serve();
  LauncherUp up;
  up.record = launcher_.record;
  up.running.emplace_back().generation = gen(1);
  up.running[0].pid = 41;
  driver_.reset();
  boot();
  EXPECT_EQ(plane_.active(), Generation::kNone);
  driver_->on_launcher(std::move(up));
  EXPECT_EQ(plane_.active(), gen(1));
  EXPECT_EQ(board_.newest()->active->pid, 41);
  EXPECT_EQ(launcher_.orders.size(), 1U);
}

TEST_F(DriverTest, AnotherCommandTypedByThePersonIsStartedAfresh) {
  serve();
  const std::string journal = journals_.back();
  driver_.reset();
  options_.command = {"other"};
  boot(journal);
  driver_->on_launcher(LauncherUp{});
  ASSERT_EQ(launcher_.orders.size(), 2U);
  EXPECT_EQ(launcher_.orders[1].command, std::vector<std::string>{"other"});
}

TEST_F(DriverTest, TerminationDrainsStopsTheAppAndQuitsWithNothingToAdopt) {
  serve();
  driver_->on_terminate();
  EXPECT_TRUE(plane_.table().stop_listening);
  EXPECT_FALSE(board_.newest()->ready);
  driver_->on_idle(gen(1), plane_.table().version);
  EXPECT_EQ(launcher_.stopped, std::vector<Generation>{gen(1)});
  driver_->on_launcher(Exited{gen(1), 0, 0, false, true, false, {}});
  ASSERT_TRUE(turn_until([&] { return quit_.has_value(); }));
  EXPECT_EQ(journals_.back(), "");
}

TEST_F(DriverTest, AnAttachedAppIsServedAndNeverSignalled) {
  Result<UniqueFd> first = listen_tcp("127.0.0.1", 0);
  Result<UniqueFd> second = listen_tcp("127.0.0.1", 0);
  options_.command.clear();
  options_.attach = AppAddress{local_port(first->get()), {}};
  boot();
  ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(1); }));
  ReloadCommand move;
  move.attach = AppAddress{local_port(second->get()), {}};
  ask(move);
  ASSERT_TRUE(turn_until([&] { return plane_.active() == gen(2); }));
  driver_->on_idle(gen(1), plane_.table().version);
  EXPECT_EQ(board_.newest()->reload->phase, ReloadPhase::kSucceeded);
  EXPECT_TRUE(board_.newest()->retiring.empty());
  EXPECT_TRUE(launcher_.stopped.empty());
}

TEST_F(DriverTest, AReloadWaitsUntilTheLauncherHasToldHowMuchMemoryIsLeft) {
  serve();
  launcher_.knows_memory = true;
  std::optional<CommandReply> reply;
  driver_->submit(ReloadCommand{}, [&](CommandReply answer) { reply = std::move(answer); });
  ASSERT_TRUE(turn_until([&] { return !launcher_.memory_asked.empty(); }));
  EXPECT_EQ(launcher_.memory_asked, std::vector<Generation>{gen(1)});
  EXPECT_FALSE(reply.has_value());
  EXPECT_EQ(launcher_.orders.size(), 1U);
  driver_->on_launcher(MemoryTold{gen(1), MemoryRoom{100U << 20U, 90U << 20U, 40U << 20U}});
  EXPECT_TRUE(reply.has_value());
  EXPECT_EQ(launcher_.orders.size(), 1U);
  EXPECT_EQ(board_.newest()->reload->reason, ReloadReason::kMemoryPressure);
}

TEST_F(DriverTest, ALauncherThatIsLostWhileItIsAskedForMemoryDoesNotHoldUpTheReload) {
  serve();
  launcher_.knows_memory = true;
  std::optional<CommandReply> reply;
  driver_->submit(ReloadCommand{}, [&](CommandReply answer) { reply = std::move(answer); });
  ASSERT_TRUE(turn_until([&] { return !launcher_.memory_asked.empty(); }));
  driver_->on_launcher(LauncherLost{});
  EXPECT_TRUE(reply.has_value());
  EXPECT_EQ(launcher_.orders.size(), 2U);
}

TEST_F(DriverTest, ALauncherThatNeverAnswersAboutMemoryIsWaitedForOneSecond) {
  serve();
  launcher_.knows_memory = true;
  EXPECT_TRUE(ask(ReloadCommand{}).ok());
  EXPECT_EQ(launcher_.orders.size(), 2U);
}

TEST_F(DriverTest, AnAppOnAnotherPortIsNamedWhileItStarts) {
  serve();
  ask(ReloadCommand{});
  driver_->on_launcher(Spawned{gen(2), static_cast<int>(::getpid()), ""});
  Result<UniqueFd> elsewhere = listen_tcp("127.0.0.1", 0);
  const std::string port = std::to_string(local_port(elsewhere->get()));
  ASSERT_TRUE(turn_until([&] { return board_.newest()->reload->message.find(port) != std::string::npos; }));
}

TEST_F(DriverTest, CommandsAfterTheEndAreRefusedAtOnce) {
  serve();
  driver_->close();
  std::optional<CommandReply> reply;
  driver_->submit(RefreshCommand{}, [&](CommandReply answer) { reply = std::move(answer); });
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error->kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace sidestep::sidecar
