// Whatever a client of HTTP/2 sends: the session says the same however the bytes are cut, hands on no field
// that could be smuggled, holds no more of bodies and answers than its bounds, and closes each stream once at
// most.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "lib/http/h2_message.h"
#include "lib/http/h2_session.h"
#include "tests/fuzz/check.h"

namespace {

using namespace sidestep;
using namespace sidestep::http;

constexpr H2Limits kLimits{.max_streams = 8,
                           .stream_window = 65'535,
                           .connection_window = 65'535,
                           .max_header_bytes = 4'096,
                           .max_headers = 32,
                           .max_output = 16'384};
const H1Limits kH1Limits;
const std::string kBody(3'000, 'b');

class Server final : public H2Handler {
 public:
  explicit Server(bool answers) : answers_(answers), session_(H2Role::kServer, kLimits, *this, store_) {}

  void take(std::string_view bytes) {
    static_cast<void>(session_.receive(bytes, TimePoint()));  // after a GOAWAY of the client it may go on
  }
  void drain() {
    const std::string_view out = session_.output();
    CHECK(out.size() <= kLimits.max_output + 40'000);
    said_ += out;
    session_.sent(out.size());
  }
  const std::string& said() const { return said_; }
  const std::string& log() const { return log_; }
  bool failed() const { return session_.failed(); }

  H2Stream* new_stream() override { return &streams_.emplace_back(); }
  void on_request(H2Stream& stream, const H2Fields& fields, bool ends) override {
    check_fields(*fields.headers);
    std::string text;
    RequestHead head;
    const BadReason bad = request_of(fields, ends, kH1Limits, "key", text, &head);
    note(stream, "request " + std::string(to_string(bad)));
    if (bad == BadReason::kNone) {
      std::string out;
      ForwardContext context;
      context.framing = head.framing;
      append_request_head(out, head, context);
      CHECK(out.find("\r\n\r\n") == out.size() - 4);
    }
    if (answers_) answer(stream);
  }
  void on_response(H2Stream&, const H2Fields&, bool) override { CHECK(false); }
  void on_data(H2Stream& stream, std::string_view data) override {
    held_ += data.size();
    CHECK(held_ <= kLimits.connection_window);
    if (!answers_) return;
    session_.consume(stream, data.size());
    held_ -= data.size();
  }
  void on_end(H2Stream& stream, const HeaderStore* trailers) override {
    if (trailers != nullptr) check_fields(*trailers);
    note(stream, "end");
  }
  void on_closed(H2Stream& stream, H2Error) override {
    CHECK(!static_cast<Stream&>(stream).closed);
    static_cast<Stream&>(stream).closed = true;
    note(stream, "closed");
  }
  void on_goaway(std::int32_t, H2Error) override { is_left_ = true; }
  void on_settings() override {}
  void on_ping_ack() override {}

 private:
  struct Stream : H2Stream {
    bool closed = false;
  };

  static void check_fields(const HeaderStore& fields) {
    for (const Header& field : fields) {
      CHECK(!field.name.empty() && field.name[0] != ':');
      CHECK(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      CHECK(field.id != HeaderId::kConnection && field.id != HeaderId::kTransferEncoding);
      for (const char c : field.name) CHECK(c < 'A' || c > 'Z');
    }
  }
  // A client that has said GOAWAY and has nothing open is read no further, and where that is depends on the
  // cut.
  void note(const H2Stream& stream, const std::string& what) {
    if (is_left_) return;
    log_ += std::to_string(stream.id) + " " + what + "\n";
  }
  void answer(H2Stream& stream) {
    session_.respond(stream, 200, {}, false);
    session_.write(stream, kBody);
    session_.end(stream, {});
    session_.flush(stream);
  }

  const bool answers_;
  bool is_left_ = false;
  HeaderStore store_;
  std::deque<Stream> streams_;
  std::string log_, said_;
  std::size_t held_ = 0;
  H2Session session_;
};

// One way of cutting; nothing is sent before all was read, so that the two ways can be compared.
void run(Server& server, std::string_view bytes, std::size_t piece) {
  server.take(kH2Preface);
  while (!bytes.empty() && !server.failed()) {
    const std::size_t size = std::min(piece, bytes.size());
    server.take(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  server.drain();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const bool answers = (data[0] & 1) != 0;
  Server whole(answers), cut(answers);
  run(whole, bytes, bytes.size() + 1);
  run(cut, bytes, data[1] % 16U + 1);
  if (!whole.failed()) CHECK(whole.log() == cut.log());
  return 0;
}
