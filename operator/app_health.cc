#include "operator/app_health.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "lib/base/clock.h"
#include "lib/http/h1_parser.h"

namespace sidestep::op {
namespace {

constexpr Millis kPatience{2000};
constexpr Millis kStopCheck{250};
constexpr std::size_t kMaxHead = 8192;

std::string reply(int status, const char* reason, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " " + reason +
         "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nConnection: "
         "close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string check(const std::string& wrong) {
  return wrong.empty() ? reply(200, "OK", "ok\n") : reply(503, "Service Unavailable", wrong + "\n");
}

bool wait_for(int fd, short events, TimePoint give_up) {
  const auto left = std::chrono::duration_cast<Millis>(give_up - system_clock().steady()).count();
  pollfd waiting{fd, events, 0};
  return left > 0 && poll(&waiting, 1, static_cast<int>(left)) > 0;
}

void send_all(int fd, std::string_view bytes, TimePoint give_up) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
      return;
    else if (!wait_for(fd, POLLOUT, give_up))
      return;
  }
}

}  // namespace

Status HealthServer::start(const std::string& listen) {
  const auto colon = listen.rfind(':');
  std::string host = colon == listen.npos ? "" : listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  int port = -1;
  const char* end = listen.data() + listen.size();
  const auto parsed = std::from_chars(listen.data() + (colon == listen.npos ? 0 : colon + 1), end, port);
  if (colon == listen.npos || parsed.ec != std::errc{} || parsed.ptr != end || port < 0 || port > 65535)
    return invalid("--listen: \"" + listen + "\" is not ADDRESS:PORT; for instance :8080");
  auto bound = listen_tcp(host.empty() ? "::" : host, static_cast<std::uint16_t>(port));
  if (!bound && host.empty())
    bound = listen_tcp("0.0.0.0", static_cast<std::uint16_t>(port));  // no IPv6 here
  if (!bound) return bound.error();
  listener_ = *std::move(bound);
  return {};
}

std::uint16_t HealthServer::port() const { return local_port(listener_.get()); }

void HealthServer::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(kStopCheck.count())) <= 0) continue;
    const UniqueFd connection = accept_connection(listener_.get());
    if (connection) serve(connection.get());
  }
}

void HealthServer::serve(int connection) {
  const TimePoint give_up = system_clock().steady() + kPatience;
  std::string bytes;
  std::array<char, 2048> chunk{};
  while (bytes.size() < kMaxHead && wait_for(connection, POLLIN, give_up)) {
    const ssize_t size = recv(connection, chunk.data(), chunk.size(), 0);
    if (size <= 0) return;
    bytes.append(chunk.data(), static_cast<std::size_t>(size));
    bool is_complete = false;
    const std::string text = answer(bytes, &is_complete);
    if (!is_complete) continue;
    send_all(connection, text, give_up);
    return;
  }
}

std::string HealthServer::answer(std::string_view bytes, bool* is_complete) const {
  http::RequestHead head;
  http::HeaderStore store;
  const auto parsed = http::parse_request_head(bytes, http::H1Limits{}, &head, store);
  *is_complete = parsed.state != http::HeadResult::kNeedMore;
  if (!*is_complete) return {};
  if (parsed.state == http::HeadResult::kBad) return reply(parsed.status, "Bad Request", "");
  if (head.method != http::Method::kGet) return reply(405, "Method Not Allowed", "");
  const std::string_view path = head.target.substr(0, head.target.find('?'));
  if (path == "/healthz") return check(answers_.live());
  if (path == "/readyz") return check(answers_.ready());
  if (path == "/metrics") return reply(200, "OK", answers_.metrics());
  return reply(404, "Not Found", "");
}

}  // namespace sidestep::op
