#include "sidecar/cli/render.h"

#include <gtest/gtest.h>

#include "sidecar/cli/progress.h"

namespace sidestep::sidecar::cli {
namespace {

const WallTime kNow = *parse_time("2026-11-23T09:32:05.000Z");

wire::Reload succeeded() {
  wire::Reload r;
  r.id = "r-1", r.phase = "Succeeded", r.reason = "Promoted", r.generation = 4,
  r.ended_at = "2026-11-23T09:32:00.000Z";
  r.requested_by = "command line", r.asked_reason = "new colour";
  r.receipt = {{{3, 1'204}, {4, 96}}, 12, 1, 0, 250, 0, 2, 120, 0, 4, 1'520, 3};
  return r;
}

wire::Reload failed() {
  wire::Reload r;
  r.id = "r-2", r.phase = "Failed", r.reason = "ExitedEarly", r.generation = 5,
  r.message = "the candidate exited before it was ready";
  r.exit = wire::Exit{1, 0};
  r.output = {"panic: no \x1b[31mcolour"};
  return r;
}

TEST(Render, VerdictOfASuccessIsItsReceipt) {
  EXPECT_EQ(render_verdict(succeeded()),
            "reload r-1 succeeded: generation 4 is active\n"
            "  asked by command line: new colour\n"
            "  requests        1,204 by generation 3, 96 by generation 4\n"
            "  failed          0\n"
            "  held            12, the longest for 250 ms\n"
            "  retried         1\n"
            "  connections cut 0, of these told 2\n"
            "  took            1.52 s: start 120 ms, judge 0 s, drain 4 ms; overhead 3 ms\n");
}

TEST(Render, VerdictOfAFailureShowsExitAndOutputWithoutItsControlCharacters) {
  const std::string text = render_verdict(failed());
  EXPECT_EQ(
      text.substr(0, text.find("  requests")),
      "reload r-2 failed and was rolled back (ExitedEarly)\n  the candidate exited before it was ready\n");
  EXPECT_EQ(text.substr(text.find("  its last")), "  its last output:\n    | panic: no ?[31mcolour\n");
}

TEST(Render, ExitIsNamedWhenNoSentenceDoes) {
  wire::Reload r = failed();
  r.message.clear(), r.exit->signal = 9;
  EXPECT_NE(render_verdict(r).find("  generation 5 was killed by signal 9\n"), std::string::npos);
}

TEST(Render, StatusIsATableOfGenerationsAndTheLastReload) {
  wire::Status s;
  s.phase = "Draining", s.ready = true, s.held = 3, s.warnings = {"generation 4 listens on 0.0.0.0"};
  s.active =
      wire::Generation{4, 42, "127.0.0.1:41234", "2026-11-23T09:31:55.000Z", 96, 1, 0, 10'000, true, "", 0};
  s.retiring = {
      wire::Generation{3, 0, "unix:/run/s", "2026-11-23T07:31:55.000Z", 1'204, 12, 7, 0, true, "", 0}};
  s.reload = succeeded();
  const std::string text = render_status(s, kNow);
  EXPECT_EQ(text.substr(0, text.find("reload r-1")),
            "Draining: generation 4 is active, 3 requests held\n\n"
            "  GENERATION  ROLE      PID  ADDRESS          STARTED      REQUESTS  IN FLIGHT  ERRORS  WEIGHT\n"
            "           4  active    42   127.0.0.1:41234  10 s ago           96          1       0   100 %\n"
            "           3  retiring  -    unix:/run/s      2 h 0 m ago     1,204         12       7     0 %\n"
            "warning: generation 4 listens on 0.0.0.0\n\n");
  EXPECT_NE(text.find("  ended           5 s ago\n"), std::string::npos);
}

TEST(Render, StatusBeforeAnythingRunsSaysSo) {
  wire::Status s;
  s.phase = "Holding", s.not_ready_why = "no generation serves yet";
  EXPECT_EQ(render_status(s, kNow),
            "Holding; not ready: no generation serves yet\n\n  no generation runs\n\nno reload yet\n");
}

TEST(Render, NumbersTimesAndSharesReadWell) {
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(span_text(Millis(125'000)), "2 m 5 s");
  EXPECT_EQ(span_text(Millis(0)), "0 s");
  EXPECT_EQ(span_text(std::chrono::hours(49)), "2 d 1 h");
  EXPECT_EQ(share_text(25), "0.25 %");
  EXPECT_EQ(share_text(10'000), "100 %");
  EXPECT_EQ(format_time(kNow), "2026-11-23T09:32:05.000Z");
  EXPECT_FALSE(parse_time("yesterday"));
  EXPECT_FALSE(parse_time("2026-13-01T00:00:00Z"));
}

TEST(Render, DecisionsComeWithTheirReasons) {
  EXPECT_EQ(render_decisions({{"T", "Judging -> RollingBack", "error rate 12 %"}, {"U", "Serving", ""}}),
            "T  Judging -> RollingBack\n    because error rate 12 %\nU  Serving\n");
}

wire::Status running(const char* phase, int weight = 0, std::uint64_t open = 0) {
  wire::Status s;
  s.reload.emplace();
  s.reload->phase = phase, s.reload->generation = 4, s.reload->step = 1, s.reload->steps = 2;
  s.reload->weight_per_ten_thousand = weight;
  s.retiring = {wire::Generation{}};
  s.retiring[0].in_flight = open;
  return s;
}

TEST(Progress, PlainOutputHasOneLinePerChange) {
  Progress progress(false);
  EXPECT_EQ(progress.update(running("Starting"), Millis(5)), "starting  generation 4, until it is ready\n");
  EXPECT_EQ(progress.update(running("Starting"), Millis(1'000)), "");
  EXPECT_EQ(progress.update(running("Judging", 500), Millis(2'000)),
            "judging   generation 4 takes 5 % of requests, step 1 of 2\n");
  EXPECT_EQ(progress.update(running("Draining", 0, 3), Millis(2'000)),
            "draining  generation 4 is active, 3 requests still open\n");
  EXPECT_EQ(progress.update(running("Draining", 0, 2), Millis(2'000)), "");
  EXPECT_EQ(progress.update(running("Succeeded"), Millis(2'000)), "");
  EXPECT_EQ(progress.end(), "");
}

TEST(Progress, TerminalLineIsDrawnAnewUntilThePhaseChanges) {
  Progress progress(true);
  EXPECT_EQ(progress.update(running("Starting"), Millis(5)),
            "\r\x1b[Kstarting  generation 4, until it is ready (5 ms)");
  EXPECT_EQ(progress.update(running("Starting"), Millis(1'000)),
            "\r\x1b[Kstarting  generation 4, until it is ready (1 s)");
  EXPECT_EQ(progress.update(running("Draining"), Millis(1'000)).front(), '\n');
  EXPECT_EQ(progress.end(), "\n");
  EXPECT_EQ(progress.end(), "");
}

}  // namespace
}  // namespace sidestep::sidecar::cli
