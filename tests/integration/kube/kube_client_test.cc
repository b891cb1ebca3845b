// lib/k8s against a real kube-apiserver. Run by kube_client_test.py, which starts the server and sets
// $KUBECONFIG.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "lib/k8s/cache.h"
#include "lib/k8s/client.h"
#include "lib/k8s/curl_exchanges.h"
#include "lib/k8s/curl_transport.h"
#include "lib/k8s/events.h"
#include "lib/k8s/kubeconfig.h"
#include "lib/k8s/lease.h"
#include "lib/k8s/pause.h"
#include "lib/k8s/watch.h"
#include "lib/k8s/watch_group.h"

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

const Resource kConfigMaps{"v1", "configmaps"};

class KubeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("KUBECONFIG");
    if (!path) GTEST_SKIP() << "needs $KUBECONFIG; run tests/integration/kube/kube_client_test.py";
    auto access = find_access({.kubeconfig_env = path});
    ASSERT_TRUE(access) << access.error().detail;
    endpoint_ = access->endpoint;
    transport_ = make_curl_transport(endpoint_, system_clock());
    client_ = std::make_unique<Client>(
        *transport_, system_clock(), [](Millis delay) { pause_for(delay, {}); },
        ClientLimits{.requests_per_second = 1000, .burst = 1000});
    space_ = std::string("t") + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
    ASSERT_TRUE(client_->create({{"v1", "namespaces"}, "", ""}, {{"metadata", {{"name", space_}}}}));
  }
  ObjectRef map(const std::string& name) const { return {kConfigMaps, space_, name}; }
  Json put(const std::string& name, const std::string& value) {
    auto made = client_->create(map(""), {{"metadata", {{"name", name}}}, {"data", {{"k", value}}}});
    EXPECT_TRUE(made) << made.error().detail;
    return made ? *made : Json::object();
  }
  static bool eventually(const std::function<bool()>& is_true) {
    for (int i = 0; i < 600 && !is_true(); ++i) pause_for(50ms, {});
    return is_true();
  }

  Endpoint endpoint_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Client> client_;
  std::string space_;
};

struct Value {
  std::string text;
  bool operator==(const Value&) const = default;
};
using Values = Cache<Value>;
Values values() {
  return Values([](const Json& object) { return std::optional(Value{object["data"].value("k", "")}); }, {});
}

TEST_F(KubeTest, ListFollowsEveryPage) {
  for (int i = 0; i < 25; ++i) put("m" + std::to_string(i), "x");
  int seen = 0;
  const auto version = client_->list(map(""), {.page = 10}, [&seen](Json&&) { ++seen; });
  ASSERT_TRUE(version) << version.error().detail;
  EXPECT_EQ(seen, 25);
  EXPECT_FALSE(version->empty());
}

TEST_F(KubeTest, PatchWithAnOldVersionIsAConflict) {
  const Json first = put("a", "1");
  const Json patch = {{"metadata", {{"resourceVersion", first["metadata"]["resourceVersion"]}}},
                      {"data", {{"k", "2"}}}};
  ASSERT_TRUE(client_->merge_patch(map("a"), patch));
  const auto again = client_->merge_patch(map("a"), patch);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kConflict);
}

TEST_F(KubeTest, JsonPatchWhoseTestFailsChangesNothing) {
  put("a", "1");
  const Json operations =
      Json::parse(R"([{"op":"test","path":"/data/k","value":"9"},{"op":"remove","path":"/data/k"}])");
  const auto patched = client_->json_patch(map("a"), operations);
  ASSERT_FALSE(patched);
  EXPECT_EQ(patched.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ((*client_->get(map("a")))["data"]["k"], "1");
}

TEST_F(KubeTest, ServerSideApplyCreatesOwnsAndRemovesWhatIsOmitted) {
  const auto object = [&](Json data) {
    return Json{{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", {{"name", "a"}, {"namespace", space_}}},
                {"data", std::move(data)}};
  };
  ASSERT_TRUE(client_->apply(map("a"), object({{"k", "1"}, {"gone", "soon"}})));
  const auto second = client_->apply(map("a"), object({{"k", "2"}}));
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ((*second)["data"], (Json{{"k", "2"}}));
}

TEST_F(KubeTest, WatchSeesEveryChangeAndEndsAtOnceWhenStopped) {
  put("a", "1");
  Values cache = values();
  Watcher watcher(*client_, system_clock(), map(""), {}, cache);
  std::jthread thread([&](std::stop_token stop) { watcher.run(stop); });
  ASSERT_TRUE(eventually([&] { return watcher.is_synced() && cache.get(space_ + "/a"); }));
  put("b", "2");
  ASSERT_TRUE(client_->merge_patch(map("a"), {{"data", {{"k", "3"}}}}));
  EXPECT_TRUE(eventually([&] { return cache.size() == 2 && cache.get(space_ + "/a")->text == "3"; }));
  ASSERT_TRUE(client_->remove(map("b")));
  EXPECT_TRUE(eventually([&] { return cache.size() == 1; }));
  EXPECT_EQ(watcher.relists(), 1u);
  const TimePoint asked = system_clock().steady();
  thread.request_stop();
  thread.join();
  EXPECT_LT(system_clock().steady() - asked, 10s);
}

TEST_F(KubeTest, WatchFromAVersionThatIsTooOldSaysGoneInOneOfTheTwoForms) {
  put("a", "1");
  int code = 0;
  const auto on_line = [&code](std::string_view line) {
    const Json event = Json::parse(line, nullptr, false);
    if (event.value("type", "") == "ERROR") code = event["object"].value("code", 0);
    return false;
  };
  const auto ended = client_->watch(map(""), {}, "1", 5s, on_line, {});
  EXPECT_TRUE(code == 410 || (!ended && ended.error().kind == ErrorKind::kLimit)) << code;
}

TEST_F(KubeTest, LeaseIsHeldByOneAndHandedOverWithAHigherEpoch) {
  LeaseKeeper first(*client_, system_clock(), space_, "l", "one"),
      second(*client_, system_clock(), space_, "l", "two");
  ASSERT_TRUE(first.acquire({}));
  std::stop_source stop;
  std::jthread rival([&] { second.acquire(stop.get_token()); });
  pause_for(200ms, {});
  EXPECT_FALSE(second.is_leading());
  first.release();
  EXPECT_TRUE(eventually([&] { return second.is_leading(); }));
  EXPECT_GT(second.epoch(), first.epoch());
  EXPECT_EQ(second.lease_uid(), first.lease_uid());
  stop.request_stop();
}

TEST_F(KubeTest, EpochOfALeaseThatWasDeletedStillGrows) {
  LeaseKeeper first(*client_, system_clock(), space_, "l", "one"),
      second(*client_, system_clock(), space_, "l", "two");
  ASSERT_TRUE(first.acquire({}));
  ASSERT_TRUE(client_->remove({{"coordination.k8s.io/v1", "leases"}, space_, "l"}));
  pause_for(2ms, {});
  ASSERT_TRUE(second.acquire({}));
  EXPECT_GT(second.epoch(), first.epoch());
  EXPECT_FALSE(first.keep({}));
}

TEST_F(KubeTest, EventIsStoredAndRepeatsBecomeASeries) {
  const Json object = put("a", "1");
  EventRecorder recorder(*client_, system_clock(), "sidestep-operator", "test",
                         {.least_between = Seconds{0}});
  std::jthread thread([&](std::stop_token stop) { recorder.run(stop); });
  Event event;
  event.regarding = {"v1", "ConfigMap", space_, "a", object["metadata"]["uid"]};
  event.reason = "Tried", event.action = "Test", event.note = "a note";
  recorder.record(event), recorder.record(event), recorder.record(event);
  int count = 0;
  EXPECT_TRUE(eventually([&] {
    const auto listed =
        client_->list({{"events.k8s.io/v1", "events"}, space_, ""}, {}, [&count](Json&& stored) {
          if (stored.contains("series") && stored["series"].is_object())
            count = stored["series"].value("count", 0);
        });
    return listed && count == 3;
  })) << count;
  EXPECT_EQ(recorder.dropped(), 0u);
}

// How many sockets this process has open.
int sockets() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    count += std::filesystem::read_symlink(entry.path(), gone).string().starts_with("socket:") ? 1 : 0;
  }
  return count;
}

TEST_F(KubeTest, HundredsOfNamedWatchesShareFewConnectionsAndSeeTheirObjects) {
  constexpr int kMaps = 250;
  for (int i = 0; i < kMaps; i += 2) put("m" + std::to_string(i), "first");
  const int before = sockets();
  WatchGroup group(make_curl_exchanges(endpoint_, system_clock()), *client_, system_clock());
  std::vector<std::unique_ptr<Values>> seen;
  std::vector<std::unique_ptr<GroupWatch>> watches;
  for (int i = 0; i < kMaps; ++i) {
    seen.push_back(std::make_unique<Values>(
        [](const Json& o) { return std::optional(Value{o["data"].value("k", "")}); }, Values::Listener{}));
    const std::string selector = "metadata.name=m" + std::to_string(i);
    watches.push_back(group.add(map(""), {.field_selector = selector, .page = 1}, *seen.back()));
  }
  EXPECT_TRUE(eventually([&] {
    return std::all_of(watches.begin(), watches.end(), [](const auto& watch) { return watch->is_synced(); });
  }));
  EXPECT_LE(sockets() - before, 10);
  EXPECT_EQ(seen[0]->size(), 1u);
  EXPECT_EQ(seen[1]->size(), 0u);
  put("m1", "late");
  ASSERT_TRUE(client_->merge_patch(map("m248"), {{"data", {{"k", "second"}}}}));
  ASSERT_TRUE(client_->remove(map("m0")));
  EXPECT_TRUE(eventually([&] { return seen[1]->size() == 1; }));
  EXPECT_TRUE(eventually([&] { return seen[248]->get(space_ + "/m248")->text == "second"; }));
  EXPECT_TRUE(eventually([&] { return seen[0]->size() == 0; }));
  EXPECT_EQ(watches[0]->trouble(), std::nullopt);
}

}  // namespace
}  // namespace sidestep::k8s
