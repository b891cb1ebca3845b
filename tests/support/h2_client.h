// An HTTP/2 client for tests, with blocking calls: H2Session over a socket. Five seconds of patience.
#pragma once

#include <sys/socket.h>

#include <deque>
#include <functional>
#include <string>

#include "lib/http/h2_session.h"
#include "tests/support/raw_app.h"

namespace sidestep::test {

struct H2Answer : http::H2Stream {
  int status = 0;
  std::string interims, fields, body, trailers;
  bool ended = false, closed = false;
  http::H2Error error = http::H2Error::kNone;
};

class H2Client final : private http::H2Handler {
 public:
  explicit H2Client(RawConn conn, const http::H2Limits& limits = {})
      : limits_(limits), conn_(std::move(conn)), session_(http::H2Role::kClient, limits_, *this, store_) {}

  H2Answer& ask(std::string_view method, std::string_view path, http::HeaderStore fields = {},
                bool ends = true, std::string_view protocol = {}) {
    H2Answer& answer = answers_.emplace_back();
    const http::H2Fields head{method, "http", "shop", path, protocol, 0, &fields};
    accepted = session_.request(answer, head, ends);
    push();
    return answer;
  }
  void send(H2Answer& answer, std::string_view data) {
    session_.write(answer, data);
    session_.flush(answer);
    push();
  }
  void end(H2Answer& answer, const http::HeaderStore& trailers = {}) {
    session_.end(answer, trailers);
    session_.flush(answer);
    push();
  }
  void reset(H2Answer& answer) {
    session_.reset(answer, http::H2Error::kCancel);
    push();
  }
  void consume(H2Answer& answer) {
    consumes = true;
    session_.consume(answer, answer.unconsumed);
    push();
  }
  void raw(std::string_view bytes) {
    push();
    conn_.send(bytes);
  }
  // Reads until `done`; false when the connection has ended or five seconds have brought nothing.
  bool wait(const std::function<bool()>& done) {
    while (!done()) {
      char block[65536];
      const ssize_t count = ::recv(conn_.fd(), block, sizeof block, 0);
      at_end = count == 0;
      if (count <= 0) return false;
      heard_.append(block, static_cast<std::size_t>(count));
      if (!session_.receive({block, static_cast<std::size_t>(count)}, TimePoint())) gone = true;
      push();
    }
    return true;
  }
  bool wait(H2Answer& answer) {
    return wait([&] { return answer.ended || answer.closed; });
  }
  bool wait_end() {
    wait([] { return false; });
    return at_end;
  }
  // "last/error " of each GOAWAY that was read; from the bytes, since nghttp2 listens to the first alone.
  std::string goaways() const {
    const auto number = [this](std::size_t at, int size) {
      std::uint32_t value = 0;
      for (int i = 0; i < size; ++i)
        value = value << 8 | static_cast<unsigned char>(heard_[at + static_cast<std::size_t>(i)]);
      return value;
    };
    std::string all;
    for (std::size_t at = 0; at + 9 <= heard_.size(); at += 9 + number(at, 3)) {
      if (heard_[at + 3] != 7 || at + 17 > heard_.size()) continue;
      all += std::to_string(number(at + 9, 4)) + "/" + std::to_string(number(at + 13, 4)) + " ";
    }
    return all;
  }

  bool accepted = false;  // the last ask()
  bool gone = false;
  bool at_end = false;
  bool consumes = true;  // windows open as bytes come

 private:
  void push() {
    const std::string_view bytes = session_.output();
    conn_.send(bytes);
    session_.sent(bytes.size());
  }
  static std::string lines(const http::HeaderStore& fields) {
    std::string all;
    for (const http::Header& field : fields)
      all.append(field.name).append(": ").append(field.value).append("\n");
    return all;
  }
  http::H2Stream* new_stream() override { return nullptr; }
  void on_request(http::H2Stream&, const http::H2Fields&, bool) override {}
  void on_response(http::H2Stream& stream, const http::H2Fields& fields, bool ends) override {
    auto& answer = static_cast<H2Answer&>(stream);
    if (fields.status < 200) {
      answer.interims += std::to_string(fields.status) + " " + lines(*fields.headers);
      return;
    }
    answer.status = fields.status;
    answer.fields = lines(*fields.headers);
    answer.ended = ends;
  }
  void on_data(http::H2Stream& stream, std::string_view data) override {
    static_cast<H2Answer&>(stream).body += data;
    if (consumes) session_.consume(stream, data.size());
  }
  void on_end(http::H2Stream& stream, const http::HeaderStore* trailers) override {
    auto& answer = static_cast<H2Answer&>(stream);
    answer.ended = true;
    if (trailers != nullptr) answer.trailers = lines(*trailers);
  }
  void on_closed(http::H2Stream& stream, http::H2Error error) override {
    static_cast<H2Answer&>(stream).closed = true;
    static_cast<H2Answer&>(stream).error = error;
  }
  void on_goaway(std::int32_t, http::H2Error) override {}
  void on_settings() override {}
  void on_ping_ack() override {}

  const http::H2Limits limits_;
  RawConn conn_;
  http::HeaderStore store_;
  http::H2Session session_;
  std::deque<H2Answer> answers_;
  std::string heard_;
};

}  // namespace sidestep::test
