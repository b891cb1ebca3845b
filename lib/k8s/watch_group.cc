#include "lib/k8s/watch_group.h"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"

namespace sidestep::k8s {
namespace {

constexpr Millis kIdle{60'000};

// One object. What is not guarded belongs to the group's thread.
struct Member {
  Member(ObjectRef of, ListOptions with, WatchSink& tell)
      : what(std::move(of)), options(std::move(with)), sink(&tell) {}

  // Tells the sink, if it still listens. False: it does not.
  template <typename Tell>
  bool tell(const Tell& how) {
    const std::lock_guard lock(sink_mutex);
    if (sink) how(*sink);
    return sink != nullptr;
  }
  void set_trouble(std::optional<Error> now) {
    const std::lock_guard lock(mutex);
    trouble = std::move(now);
  }

  const ObjectRef what;
  const ListOptions options;
  WatchState state;
  Exchanges::Id exchange = 0;  // 0: none is under way
  bool is_listing = false;
  WatchLine last;  // of the stream under way
  std::atomic<bool> is_synced{false};
  std::mutex sink_mutex;  // held while the sink is told something
  WatchSink* sink;        // guarded by sink_mutex; null: nobody listens any more
  std::mutex mutex;
  std::optional<Error> trouble;  // guarded by mutex
};
using MemberPtr = std::shared_ptr<Member>;

}  // namespace

class WatchGroup::Work {
 public:
  Work(std::unique_ptr<Exchanges> exchanges, Client& client, const Clock& clock, WatchLimits limits)
      : exchanges_(std::move(exchanges)),
        client_(client),
        clock_(clock),
        limits_(limits),
        random_(std::random_device{}()),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Work() {
    thread_.request_stop();
    thread_.join();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  void come(const MemberPtr& member) {
    {
      const std::lock_guard lock(mutex_);
      coming_.push_back(member);
    }
    exchanges_->wake();
  }
  void go(const MemberPtr& member) {
    {
      const std::lock_guard lock(member->sink_mutex);
      member->sink = nullptr;
    }
    {
      const std::lock_guard lock(mutex_);
      going_.push_back(member);
    }
    exchanges_->wake();
  }

 private:
  void run(const std::stop_token& stop);
  void receive();
  void drop(const MemberPtr& member);
  Millis wake_due();
  void advance(const MemberPtr& member);
  void list_more();
  void list(const MemberPtr& member);
  void listed(const MemberPtr& member, Result<Response> answer);
  void watch(const MemberPtr& member);
  bool on_line(const MemberPtr& member, std::string_view line);
  void watched(const MemberPtr& member, const Result<Response>& answer);
  void step(const MemberPtr& member, WatchEvent event, const std::string& version = {});

  const std::unique_ptr<Exchanges> exchanges_;
  Client& client_;
  const Clock& clock_;
  const WatchLimits limits_;
  std::mutex mutex_;
  std::vector<MemberPtr> coming_, going_;  // guarded by mutex_
  // Of the thread.
  std::minstd_rand random_;
  std::set<MemberPtr> members_;
  std::multimap<TimePoint, MemberPtr> pausing_;
  std::deque<MemberPtr> to_list_;
  std::size_t listing_ = 0;
  std::jthread thread_;  // last: it uses all the others
};

void WatchGroup::Work::run(const std::stop_token& stop) {
  const std::stop_callback ends(stop, [this] { exchanges_->wake(); });
  while (!stop.stop_requested()) {
    receive();
    const Millis longest = wake_due();
    list_more();
    exchanges_->turn(longest);
  }
}

void WatchGroup::Work::receive() {
  std::vector<MemberPtr> coming, going;
  {
    const std::lock_guard lock(mutex_);
    coming.swap(coming_);
    going.swap(going_);
  }
  for (const MemberPtr& member : coming) {
    members_.insert(member);
    advance(member);
  }
  for (const MemberPtr& member : going) drop(member);
}

void WatchGroup::Work::drop(const MemberPtr& member) {
  if (member->exchange != 0) exchanges_->end(member->exchange);
  if (member->is_listing) --listing_;
  std::erase(to_list_, member);
  std::erase_if(pausing_, [&](const auto& each) { return each.second == member; });
  members_.erase(member);
}

// Returns how long until the next one is due.
Millis WatchGroup::Work::wake_due() {
  while (!pausing_.empty() && pausing_.begin()->first <= clock_.steady()) {
    const MemberPtr member = std::move(pausing_.begin()->second);
    pausing_.erase(pausing_.begin());
    step(member, WatchEvent::kWaited);
    advance(member);
  }
  if (pausing_.empty()) return kIdle;
  return std::min(kIdle, std::chrono::ceil<Millis>(pausing_.begin()->first - clock_.steady()));
}

void WatchGroup::Work::advance(const MemberPtr& member) {
  switch (member->state.what) {
    case WatchDo::kList:
      to_list_.push_back(member);
      return;
    case WatchDo::kWatch:
      return watch(member);
    case WatchDo::kWait:
      pausing_.emplace(clock_.steady() + member->state.delay, member);
      return;
  }
}

void WatchGroup::Work::list_more() {
  while (listing_ < kListsAtOnce && !to_list_.empty()) {
    const MemberPtr member = std::move(to_list_.front());
    to_list_.pop_front();
    list(member);
  }
}

void WatchGroup::Work::list(const MemberPtr& member) {
  ++listing_;
  member->is_listing = true;
  member->exchange =
      exchanges_->begin(Client::list_request(member->what, member->options), {},
                        [this, member](Result<Response> answer) { listed(member, std::move(answer)); });
}

void WatchGroup::Work::listed(const MemberPtr& member, Result<Response> answer) {
  --listing_;
  member->is_listing = false;
  member->exchange = 0;
  client_.note("GET", answer);
  const std::string what = "list " + to_string(member->what);
  std::optional<Error> trouble;
  Json page;
  if (!answer) {
    trouble = answer.error();
  } else if (answer->status / 100 != 2) {
    trouble = error_of(*answer, what);
  } else if (page = Json::parse(answer->body, nullptr, false); !is_list(page)) {
    trouble =
        Error{ErrorKind::kProtocol, Fault::kCluster, Retry::kLater, what + ": the answer is not a list"};
  }
  member->set_trouble(trouble);
  if (trouble) {
    log::warn("listing failed", {{"what", to_string(member->what)}, {"error", trouble->detail}});
    step(member, trouble->kind == ErrorKind::kLimit ? WatchEvent::kExpired : WatchEvent::kFailed);
  } else {
    member->is_synced = true;
    member->tell([&](WatchSink& sink) {
      sink.list_begins();
      for (Json& item : page["items"]) sink.listed(std::move(item));
      sink.list_ends();
    });
    step(member, WatchEvent::kListed, text_field(page["metadata"], "resourceVersion"));
  }
  advance(member);
}

void WatchGroup::Work::watch(const MemberPtr& member) {
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto spread = static_cast<double>((limits_.longest_life - limits_.least_life).count());
  const Seconds life = limits_.least_life + Seconds(static_cast<Seconds::rep>(spread * random));
  member->last = {true, false, ""};
  step(member, WatchEvent::kOpened);
  ListOptions options = member->options;
  options.bookmarks = false;
  member->exchange = exchanges_->begin(
      Client::watch_request(member->what, options, member->state.version, life),
      [this, member](std::string_view line) { return on_line(member, line); },
      [this, member](const Result<Response>& answer) { watched(member, answer); });
}

bool WatchGroup::Work::on_line(const MemberPtr& member, std::string_view line) {
  const bool listens =
      member->tell([&](WatchSink& sink) { member->last = take_line(line, member->what, sink); });
  if (listens && member->last.is_good) step(member, WatchEvent::kMoved, member->last.version);
  return listens && member->last.is_good;
}

// As Watcher::watch does.
void WatchGroup::Work::watched(const MemberPtr& member, const Result<Response>& answer) {
  member->exchange = 0;
  client_.note("WATCH", answer);
  const bool refused = answer && answer->status / 100 != 2;
  std::optional<Error> trouble;
  if (refused) trouble = error_of(*answer, "watch " + to_string(member->what));
  if (!answer) trouble = answer.error();
  if (member->last.is_expired || (trouble && trouble->kind == ErrorKind::kLimit)) {
    step(member, WatchEvent::kExpired);
  } else if (!trouble && member->last.is_good) {
    member->set_trouble(std::nullopt);
    step(member, WatchEvent::kEnded);
  } else {
    if (trouble && trouble->kind == ErrorKind::kRefused) member->set_trouble(trouble);
    step(member, WatchEvent::kFailed);
  }
  advance(member);
}

void WatchGroup::Work::step(const MemberPtr& member, WatchEvent event, const std::string& version) {
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  member->state = next_watch(std::move(member->state), event, version, clock_.steady(), random, limits_);
}

namespace {

class Ticket final : public GroupWatch {
 public:
  Ticket(MemberPtr member, std::function<void(const MemberPtr&)> go)
      : member_(std::move(member)), go_(std::move(go)) {}
  ~Ticket() override { go_(member_); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  bool is_synced() const override { return member_->is_synced; }
  std::optional<Error> trouble() const override {
    const std::lock_guard lock(member_->mutex);
    return member_->trouble;
  }

 private:
  const MemberPtr member_;
  const std::function<void(const MemberPtr&)> go_;
};

}  // namespace

WatchGroup::WatchGroup(std::unique_ptr<Exchanges> exchanges, Client& client, const Clock& clock,
                       WatchLimits limits)
    : work_(std::make_unique<Work>(std::move(exchanges), client, clock, limits)) {}

WatchGroup::~WatchGroup() = default;

std::unique_ptr<GroupWatch> WatchGroup::add(ObjectRef what, ListOptions options, WatchSink& sink) {
  auto member = std::make_shared<Member>(std::move(what), std::move(options), sink);
  work_->come(member);
  return std::make_unique<Ticket>(std::move(member),
                                  [work = work_.get()](const MemberPtr& gone) { work->go(gone); });
}

}  // namespace sidestep::k8s
