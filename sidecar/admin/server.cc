#include "sidecar/admin/server.h"

#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <thread>

#include "lib/base/log.h"
#include "lib/front/settings.h"
#include "lib/policy/signature.h"
#include "sidecar/admin/thread_pool.h"

namespace sidestep::sidecar {
namespace {

constexpr int kReadSeconds = 5;  // the door has the whole request already

// Newer versions of cpp-httplib want to know whether the job was taken.
using Taken = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));

class Queue final : public httplib::TaskQueue {
 public:
  explicit Queue(std::size_t most_threads) : pool_(most_threads) {}
  Taken enqueue(std::function<void()> job) override {
    pool_.enqueue(std::move(job));
    return static_cast<Taken>(true);
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  ThreadPool pool_;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A field that comes twice reads as neither: whoever signs sends each once.
Call call_of(const httplib::Request& request) {
  Call call;
  call.method = request.method;
  const std::size_t question = request.target.find('?');
  call.path = request.target.substr(0, question);
  call.query = question == std::string::npos ? "" : request.target.substr(question + 1);
  call.body = request.body;
  call.is_local = request.get_header_value(front::kPrincipalField) == "local";
  for (const auto& [name, value] : request.headers) {
    const auto [entry, is_new] = call.fields.emplace(lower(name), value);
    if (!is_new) entry->second.clear();
  }
  return call;
}

}  // namespace

class ControlServer::Impl {
 public:
  Impl(ControlApi& api, std::string socket_path, std::string door_token, std::size_t max_body_bytes,
       std::size_t most_threads)
      : api_(api), socket_path_(std::move(socket_path)), door_token_(std::move(door_token)) {
    server_.set_address_family(AF_UNIX);
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kReadSeconds, 0);
    server_.set_write_timeout(kReadSeconds, 0);
    server_.set_payload_max_length(max_body_bytes);
    server_.new_task_queue = [most_threads] { return new Queue(most_threads); };
    const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    server_.Get(".*", handle);
    server_.Post(".*", handle);
  }

  Status start() {
    unlink(socket_path_.c_str());
    if (!server_.bind_to_port(socket_path_, 80)) return system_error("bind unix:" + socket_path_, errno);
    if (chmod(socket_path_.c_str(), 0600) != 0) return system_error("protect unix:" + socket_path_, errno);
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      has_ended_ = true;
    });
    return {};
  }

  void stop() {
    if (!thread_.joinable()) return;
    while (!server_.is_running() && !has_ended_)
      std::this_thread::yield();  // stop() before listen_after_bind() would be lost
    server_.stop();
    thread_.join();
    unlink(socket_path_.c_str());
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    if (!policy::equal_in_constant_time(request.get_header_value(front::kDoorField), door_token_)) {
      log::warn("refused a connection that did not come through the door");
      response.status = 403;
      return;
    }
    ApiAnswer answer = api_.handle(call_of(request));
    response.status = answer.status;
    for (const auto& [name, value] : answer.fields) response.set_header(name, value);
    response.set_content(std::move(answer.body), answer.content_type);
  }

  ControlApi& api_;
  const std::string socket_path_;
  const std::string door_token_;
  httplib::Server server_;
  std::atomic<bool> has_ended_{false};
  std::thread thread_;
};

ControlServer::ControlServer(ControlApi& api, std::string socket_path, std::string door_token,
                             std::size_t max_body_bytes, std::size_t most_threads)
    : api_(api),
      socket_path_(std::move(socket_path)),
      door_token_(std::move(door_token)),
      max_body_bytes_(max_body_bytes),
      most_threads_(most_threads) {}

ControlServer::~ControlServer() { stop(); }

Status ControlServer::start() {
  impl_ = std::make_unique<Impl>(api_, socket_path_, door_token_, max_body_bytes_, most_threads_);
  return impl_->start();
}

void ControlServer::stop() {
  if (impl_) impl_->stop();
}

}  // namespace sidestep::sidecar
