#include "lib/k8s/curl_transport.h"

#include <curl/curl.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/k8s/curl_request.h"

namespace sidestep::k8s {
namespace {

// A storm's worth: below that each request would shake hands anew. They go when they are not used any more.
constexpr std::size_t kIdleHandles = 32;
constexpr Seconds kIdleFor{10};

constexpr int kLongestWaitMs = 60'000;

// A stream that says nothing wakes nobody, where curl_easy_perform would look once a second.
CURLcode perform_until(CURL* curl, Exchange& exchange) {
  const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(curl_multi_init(), &curl_multi_cleanup);
  curl_multi_add_handle(multi.get(), curl);
  CURLcode code = CURLE_OK;
  {
    const std::stop_callback wake(exchange.stop, [&multi] { curl_multi_wakeup(multi.get()); });
    for (int running = 1; running > 0;) {
      curl_multi_perform(multi.get(), &running);
      exchange.ended_by_us = exchange.ended_by_us || exchange.stop.stop_requested();
      if (running == 0 || exchange.ended_by_us) break;
      curl_multi_poll(multi.get(), nullptr, 0, kLongestWaitMs, nullptr);
    }
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left))
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  if (exchange.ended_by_us && code == CURLE_OK) code = CURLE_ABORTED_BY_CALLBACK;
  curl_multi_remove_handle(multi.get(), curl);
  return code;
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(Endpoint endpoint, const Clock& clock)
      : requests_(std::move(endpoint), clock), clock_(clock) {}

  Result<Response> send(const Request& request) override {
    Exchange exchange;
    return perform(request, exchange);
  }

  Result<Response> watch(const Request& request, const LineSink& lines, std::stop_token stop) override {
    Exchange exchange;
    exchange.lines = &lines;
    exchange.stop = std::move(stop);
    return perform(request, exchange);
  }

 private:
  Result<Response> perform(const Request& request, Exchange& exchange);
  CurlHandle take();
  void give_back(CurlHandle handle);

  struct Idle {
    CurlHandle handle;
    TimePoint since;
  };
  CurlRequests requests_;
  const Clock& clock_;
  std::mutex mutex_;
  std::deque<Idle> idle_;  // guarded by mutex_; the one that was used last is at the back, and is taken next
};

CurlHandle CurlTransport::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return new_curl_handle();
  CurlHandle handle = std::move(idle_.back().handle);
  idle_.pop_back();
  return handle;
}

void CurlTransport::give_back(CurlHandle handle) {
  curl_easy_reset(handle.get());  // options go, the connection stays
  std::vector<CurlHandle> old;    // closed without the lock
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.steady();
  if (idle_.size() < kIdleHandles) idle_.push_back({std::move(handle), now});
  while (!idle_.empty() && now - idle_.front().since > kIdleFor) {
    old.push_back(std::move(idle_.front().handle));
    idle_.pop_front();
  }
}

Result<Response> CurlTransport::perform(const Request& request, Exchange& exchange) {
  CurlHandle handle = take();
  if (!handle) return Error{ErrorKind::kSystem, Fault::kUs, Retry::kLater, "curl_easy_init failed"};
  CURL* curl = handle.get();
  if (auto prepared = requests_.prepare(curl, request, exchange); !prepared)
    return std::move(prepared).error();
  char text[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
  const CURLcode code = exchange.lines ? perform_until(curl, exchange) : curl_easy_perform(curl);
  if (code == CURLE_OK && !exchange.lines) give_back(std::move(handle));
  return requests_.finish(code, exchange, text);
}

}  // namespace

std::unique_ptr<Transport> make_curl_transport(Endpoint endpoint, const Clock& clock) {
  return std::make_unique<CurlTransport>(std::move(endpoint), clock);
}

}  // namespace sidestep::k8s
