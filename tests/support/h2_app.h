// An app for tests that speaks HTTP/2 by prior knowledge: one H2Session per connection of a RawApp, and a
// script that is called with each whole request.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/http/h2_session.h"
#include "tests/support/raw_app.h"

namespace sidestep::test {

class H2AppConn final : public http::H2Handler {
 public:
  struct Request : http::H2Stream {
    std::string method, path, protocol;
    std::map<std::string, std::string> fields;
    std::string body;
    std::map<std::string, std::string> trailing;
    std::string field(const std::string& name) const {
      const auto it = fields.find(name);
      return it == fields.end() ? "" : it->second;
    }
  };
  struct Script {
    std::function<void(H2AppConn&, Request&)> on_head = [](H2AppConn&, Request&) {};
    std::function<void(H2AppConn&, Request&)> on_whole = [](H2AppConn&, Request&) {};
    std::function<void(H2AppConn&, Request&)> on_data = [](H2AppConn&, Request&) {};
    std::function<void(H2AppConn&, Request&, http::H2Error)> on_closed = [](H2AppConn&, Request&,
                                                                            http::H2Error) {};
    std::function<void()> on_goaway = [] {};
    http::H2Limits limits{};
  };

  H2AppConn(RawConn& conn, const Script& script, int connection)
      : number(connection),
        conn_(conn),
        script_(script),
        session(http::H2Role::kServer, script.limits, *this, store_) {}

  void run() {
    char bytes[65'536];
    flush();
    while (!closing) {
      const ssize_t count = ::recv(conn_.fd(), bytes, sizeof bytes, 0);
      if (count <= 0) return;
      const bool goes_on = session.receive({bytes, static_cast<std::size_t>(count)}, TimePoint{});
      flush();
      if (!goes_on) return;
    }
  }
  void flush() {
    for (std::string_view out = session.output(); !out.empty(); out = session.output()) {
      const std::size_t size = out.size();
      conn_.send(out);
      session.sent(size);
    }
  }
  void answer(Request& request, std::string_view body, std::vector<http::Header> fields = {},
              std::vector<http::Header> trailers = {}, int status = 200) {
    session.respond(request, status, fields, body.empty() && trailers.empty());
    if (body.empty() && trailers.empty()) return;
    session.write(request, body);
    session.end(request, trailers);
    session.flush(request);
  }

  const int number;  // of the connection, from 1
  bool closing = false;

 private:
  http::H2Stream* new_stream() override { return &requests_.emplace_back(); }
  void on_request(http::H2Stream& stream, const http::H2Fields& fields, bool ends) override {
    auto& request = static_cast<Request&>(stream);
    request.method = fields.method;
    request.path = fields.path;
    request.protocol = fields.protocol;
    for (const http::Header& field : *fields.headers) request.fields.emplace(field.name, field.value);
    script_.on_head(*this, request);
    if (ends) script_.on_whole(*this, request);
  }
  void on_response(http::H2Stream&, const http::H2Fields&, bool) override {}
  void on_data(http::H2Stream& stream, std::string_view data) override {
    auto& request = static_cast<Request&>(stream);
    request.body += data;
    session.consume(stream, data.size());
    script_.on_data(*this, request);
  }
  void on_end(http::H2Stream& stream, const http::HeaderStore* trailers) override {
    auto& request = static_cast<Request&>(stream);
    if (trailers != nullptr) {
      for (const http::Header& field : *trailers) request.trailing.emplace(field.name, field.value);
    }
    script_.on_whole(*this, request);
  }
  void on_closed(http::H2Stream& stream, http::H2Error error) override {
    script_.on_closed(*this, static_cast<Request&>(stream), error);
  }
  void on_goaway(std::int32_t, http::H2Error) override { script_.on_goaway(); }
  void on_settings() override {}
  void on_ping_ack() override {}

  RawConn& conn_;
  const Script& script_;
  http::HeaderStore store_;
  std::list<Request> requests_;

 public:
  http::H2Session session;
};

// `script` outlives the app.
inline RawApp::Handler h2_app(const H2AppConn::Script& script) {
  auto count = std::make_shared<std::atomic<int>>(0);
  return [&script, count](RawConn& conn) { H2AppConn(conn, script, ++*count).run(); };
}

}  // namespace sidestep::test
