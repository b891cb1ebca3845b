#include "operator/app_pages.h"

#include <charconv>
#include <utility>

namespace sidestep::op {
namespace {

front::Reply reply(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, std::move(body)};
}

front::Reply check(const std::string& wrong) {
  return wrong.empty() ? reply(200, "ok\n") : reply(503, wrong + "\n");
}

front::Reply answer(const Pages& pages, const front::Request& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  const bool is_page = path == "/healthz" || path == "/readyz" || path == "/metrics";
  if (!is_page) return reply(404, "there are /healthz, /readyz and /metrics\n");
  if (request.method == "POST") return reply(405, path + " takes GET and HEAD\n");
  if (path == "/healthz") return check(pages.live());
  if (path == "/readyz") return check(pages.ready());
  return reply(200, pages.metrics());
}

}  // namespace

front::Settings settings_of(Pages pages) {
  front::Settings settings;
  settings.answer_here = [pages = std::move(pages)](const front::Request& request, const front::Principal&) {
    return answer(pages, request);
  };
  return settings;
}

Status listen_at(front::Door& door, const std::string& flag, const std::string& listen) {
  const auto colon = listen.rfind(':');
  std::string host = colon == listen.npos ? "" : listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  int port = -1;
  const char* end = listen.data() + listen.size();
  const auto parsed = std::from_chars(listen.data() + (colon == listen.npos ? 0 : colon + 1), end, port);
  if (colon == listen.npos || parsed.ec != std::errc{} || parsed.ptr != end || port < 0 || port > 65535)
    return invalid(flag + ": \"" + listen + "\" is not ADDRESS:PORT; for instance :8080");
  const auto number = static_cast<std::uint16_t>(port);
  const Status bound = door.listen_tcp(host.empty() ? "::" : host, number);
  return !bound && host.empty() ? door.listen_tcp("0.0.0.0", number) : bound;  // no IPv6 here
}

}  // namespace sidestep::op
