#include "lib/k8s/curl_exchanges.h"

#include <curl/curl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "lib/k8s/curl_request.h"

namespace sidestep::k8s {
namespace {

constexpr long kReadBuffer = 1024;           // of each exchange while it lasts
constexpr long kStreamsPerConnection = 250;  // or fewer, if the server says so
constexpr Millis kLongestWait{60'000};
// curl opens a connection for each exchange that finds the others full, also while one is being opened. So
// few begin at a time, and the next ones find room in what these have opened.
constexpr std::size_t kUnansweredAtOnce = 8;
constexpr Millis kAnswerPatience{1'000};  // a server that does not answer holds up the others no longer
constexpr Millis kLookAtWaiting{50};

// One that is under way. Stays where it is: curl points into it.
struct Running {
  Exchange exchange;
  LineSink lines;
  Exchanges::Done done;
  Exchanges::Id id = 0;
  CurlHandle handle;  // last: it goes first
};

class CurlExchanges final : public Exchanges {
 public:
  CurlExchanges(Endpoint endpoint, const Clock& clock)
      : requests_(std::move(endpoint), clock),
        clock_(clock),
        wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    (void)new_curl_handle();  // curl's own start
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_interest);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  }
  ~CurlExchanges() override {
    for (auto& [id, running] : running_) curl_multi_remove_handle(multi_, running->handle.get());
    running_.clear();
    curl_multi_cleanup(multi_);
    close(wakeup_);
  }
  CurlExchanges(const CurlExchanges&) = delete;
  CurlExchanges& operator=(const CurlExchanges&) = delete;

  Id begin(const Request& request, LineSink lines, Done done) override;
  void end(Id id) override;
  void turn(Millis longest) override;
  void wake() override {
    const std::uint64_t one = 1;
    (void)!write(wakeup_, &one, sizeof(one));
  }

 private:
  static int on_interest(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long after_ms, void* self);
  Millis until_due(Millis longest) const;
  void act(curl_socket_t socket, int events);
  void begin_waiting();
  void tell_the_end();

  CurlRequests requests_;
  const Clock& clock_;
  const int wakeup_;
  CURLM* multi_ = nullptr;
  Id next_id_ = 1;
  std::map<Id, std::unique_ptr<Running>> running_;
  std::map<Id, std::pair<Done, Error>> stillborn_;    // could not even begin
  std::deque<Id> waiting_;                            // to be begun; some may have ended
  std::vector<std::pair<Id, TimePoint>> unanswered_;  // begun then; some were answered, or have ended
  std::vector<pollfd> sockets_;                       // what curl waits for
  std::optional<TimePoint> due_;                      // when curl wants to be called whatever happens
};

int CurlExchanges::on_interest(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& sockets = static_cast<CurlExchanges*>(self)->sockets_;
  const auto known =
      std::find_if(sockets.begin(), sockets.end(), [&](const auto& p) { return p.fd == socket; });
  if (what == CURL_POLL_REMOVE) {
    if (known != sockets.end()) sockets.erase(known);
    return 0;
  }
  const short events =
      static_cast<short>(((what & CURL_POLL_IN) ? POLLIN : 0) | ((what & CURL_POLL_OUT) ? POLLOUT : 0));
  if (known != sockets.end())
    known->events = events;
  else
    sockets.push_back({socket, events, 0});
  return 0;
}

int CurlExchanges::on_timer(CURLM*, long after_ms, void* user) {
  auto& self = *static_cast<CurlExchanges*>(user);
  self.due_.reset();
  if (after_ms >= 0) self.due_ = self.clock_.steady() + Millis{after_ms};
  return 0;
}

Exchanges::Id CurlExchanges::begin(const Request& request, LineSink lines, Done done) {
  const Id id = next_id_++;
  auto running =
      std::make_unique<Running>(Running{{}, std::move(lines), std::move(done), id, new_curl_handle()});
  CURL* curl = running->handle.get();
  Status prepared = Error{ErrorKind::kSystem, Fault::kUs, Retry::kLater, "curl_easy_init failed"};
  if (curl) prepared = requests_.prepare(curl, request, running->exchange);
  if (!prepared) {
    stillborn_.emplace(id, std::pair{std::move(running->done), prepared.error()});
    wake();
    return id;
  }
  if (running->lines) running->exchange.lines = &running->lines;
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);  // rather a stream than a connection
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kReadBuffer);
  curl_easy_setopt(curl, CURLOPT_PRIVATE, running.get());
  running_.emplace(id, std::move(running));
  waiting_.push_back(id);
  begin_waiting();
  return id;
}

void CurlExchanges::begin_waiting() {
  const TimePoint now = clock_.steady();
  std::erase_if(unanswered_, [&](const auto& begun) {
    const auto found = running_.find(begun.first);
    return found == running_.end() || found->second->exchange.response.status != 0 ||
           now - begun.second >= kAnswerPatience;
  });
  while (unanswered_.size() < kUnansweredAtOnce && !waiting_.empty()) {
    const Id id = waiting_.front();
    waiting_.pop_front();
    const auto found = running_.find(id);
    if (found == running_.end()) continue;
    curl_multi_add_handle(multi_, found->second->handle.get());
    unanswered_.emplace_back(id, now);
  }
}

void CurlExchanges::end(Id id) {
  stillborn_.erase(id);
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  curl_multi_remove_handle(multi_, found->second->handle.get());
  running_.erase(found);
}

Millis CurlExchanges::until_due(Millis longest) const {
  Millis wait = std::min(longest, waiting_.empty() ? kLongestWait : kLookAtWaiting);
  if (due_) wait = std::min(wait, std::chrono::ceil<Millis>(*due_ - clock_.steady()));
  return std::max(wait, Millis{0});
}

void CurlExchanges::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
}

void CurlExchanges::turn(Millis longest) {
  std::vector<pollfd> waiting = sockets_;
  waiting.push_back({wakeup_, POLLIN, 0});
  poll(waiting.data(), waiting.size(), static_cast<int>(until_due(longest).count()));
  if (waiting.back().revents) {
    std::uint64_t count = 0;
    (void)!read(wakeup_, &count, sizeof(count));
  }
  waiting.pop_back();
  for (const pollfd& each : waiting) {
    if (!each.revents) continue;
    const int events = ((each.revents & (POLLIN | POLLHUP)) ? CURL_CSELECT_IN : 0) |
                       ((each.revents & POLLOUT) ? CURL_CSELECT_OUT : 0) |
                       ((each.revents & POLLERR) ? CURL_CSELECT_ERR : 0);
    act(each.fd, events);
  }
  if (due_ && *due_ <= clock_.steady()) {
    due_.reset();
    act(CURL_SOCKET_TIMEOUT, 0);
  }
  tell_the_end();
  begin_waiting();
}

void CurlExchanges::tell_the_end() {
  while (!stillborn_.empty()) {
    auto [done, error] = std::move(stillborn_.begin()->second);
    stillborn_.erase(stillborn_.begin());
    done(std::move(error));
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    const CURLcode code = message->data.result;  // gone with the handle
    const auto found = running_.find(static_cast<Running*>(user)->id);
    const std::unique_ptr<Running> over = std::move(found->second);
    running_.erase(found);
    curl_multi_remove_handle(multi_, over->handle.get());
    over->done(requests_.finish(code, over->exchange, ""));
  }
}

}  // namespace

std::unique_ptr<Exchanges> make_curl_exchanges(Endpoint endpoint, const Clock& clock) {
  return std::make_unique<CurlExchanges>(std::move(endpoint), clock);
}

}  // namespace sidestep::k8s
