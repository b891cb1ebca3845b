#include "lib/k8s/events.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

class EventFilterTest : public ::testing::Test {
 protected:
  EventVerdict admit(const char* note, const char* object = "a") {
    Event event;
    event.regarding = {"v1", "Pod", "n", object, "u"};
    event.reason = "Failed", event.action = "Reload", event.note = note;
    return filter_.admit(event, "e" + std::to_string(++made_), now_);
  }

  TimePoint now_ = TimePoint{} + 1h;
  EventFilter filter_{{.per_object_burst = 2, .objects = 2}};
  int made_ = 0;
};

TEST_F(EventFilterTest, RepeatsJoinASeriesThatIsWrittenNowAndThen) {
  EXPECT_EQ(admit("x").what, EventDo::kCreate);
  now_ += 29'999ms;
  EXPECT_EQ(admit("x").what, EventDo::kSkip);
  now_ += 1ms;
  const auto verdict = admit("x");
  EXPECT_EQ(verdict.what, EventDo::kSeries);
  EXPECT_EQ(verdict.name, "e1");
  EXPECT_EQ(verdict.count, 3);
}

TEST_F(EventFilterTest, SeriesThatWasSilentLongEnoughIsOver) {
  admit("x");
  now_ += 361s;
  EXPECT_EQ(admit("x").what, EventDo::kCreate);
}

TEST_F(EventFilterTest, ObjectWithTooManyEventsIsSilencedAloneAndNotForEver) {
  admit("1"), admit("2");
  EXPECT_EQ(admit("3").what, EventDo::kSkip);
  EXPECT_EQ(admit("3", "b").what, EventDo::kCreate);
  now_ += 301s;
  EXPECT_EQ(admit("3").what, EventDo::kCreate);
}

TEST_F(EventFilterTest, LongestSilentObjectIsForgotten) {
  admit("1", "a"), now_ += 1s, admit("1", "b"), now_ += 1s, admit("1", "c");
  EXPECT_EQ(admit("1", "b").what, EventDo::kSkip);
  EXPECT_EQ(admit("1", "a").what, EventDo::kCreate);
}

TEST(EventToJson, HasEveryRequiredFieldAndCutsWhatIsTooLong) {
  Event event;
  event.regarding = {"v1", "Pod", "", "a", "u"};
  event.is_warning = true, event.reason = "R", event.action = "A", event.note = std::string(2000, 'x');
  const Json json = event_to_json(event, "e", "sidestep-operator", "i", WallTime{});
  EXPECT_EQ(json["metadata"]["namespace"], "default");
  EXPECT_EQ(json["type"], "Warning");
  EXPECT_EQ(json["eventTime"], "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(json["note"].get<std::string>().size(), 1024u);
}

TEST(EventToJson, NoteIsCutBetweenCharactersAndIsAlwaysText) {
  Event event;
  event.note = std::string(1023, 'x') + "\xc3\xa9";
  EXPECT_EQ(event_to_json(event, "e", "c", "i", WallTime{})["note"].get<std::string>().size(), 1023u);
  event.note = "caf\xff";
  EXPECT_NO_THROW((void)event_to_json(event, "e", "c", "i", WallTime{}).dump());
}

}  // namespace
}  // namespace sidestep::k8s
