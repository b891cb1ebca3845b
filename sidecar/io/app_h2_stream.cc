#include "sidecar/io/app_h2_stream.h"

#include <charconv>
#include <utility>

#include "lib/http/h2_message.h"
#include "lib/http/ws_accept.h"
#include "sidecar/io/app_h2.h"
#include "sidecar/io/app_pool.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

// Calls `visit(name, value)` for each "name: value" line.
template <typename Visit>
void for_each_line(std::string_view lines, Visit visit) {
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::size_t colon = lines.find(": ", 1);  // a pseudo-header field begins with a colon
    visit(lines.substr(0, colon), lines.substr(colon + 2, end - colon - 2));
    lines.remove_prefix(end + 2);
  }
}

void add_field(http::HeaderStore& store, std::string_view name, std::string_view value) {
  http::Header& field = store.emplace_back();
  field.name = name;
  field.value = value;
}

}  // namespace

void AppH2Stream::start() { stream_->attached(this); }

void AppH2Stream::submit(bool is_whole) {
  http::HeaderStore& store = conn_.fields();
  store.clear();
  http::H2Fields fields;
  fields.headers = &store;
  for_each_line(std::exchange(head_, {}), [&](std::string_view name, std::string_view value) {
    if (name == ":method")
      fields.method = value;
    else if (name == ":protocol")
      fields.protocol = value;
    else if (name == ":scheme")
      fields.scheme = value;
    else if (name == ":authority")
      fields.authority = value;
    else if (name == ":path")
      fields.path = value;
    else if (websocket_ && name == "sec-websocket-key")
      accept_ = http::websocket_accept(value);
    else
      add_field(store, name, value);
  });
  sent_before_ = conn_.sent_total();
  if (!conn_.session().request(*this, fields, is_whole)) conn_.fail_later();
}

void AppH2Stream::request_body(std::string_view data) {
  if (!head_.empty()) submit(false);
  conn_.session().write(*this, data);
}

void AppH2Stream::request_end(std::string_view lines) {
  is_complete_ = true;
  if (!lines.empty() && !head_.empty()) submit(false);
  if (!head_.empty()) return;
  http::HeaderStore& store = conn_.fields();
  store.clear();
  for_each_line(lines, [&](auto name, auto value) { add_field(store, name, value); });
  conn_.session().end(*this, store);
}

void AppH2Stream::flush_request() {
  if (!head_.empty()) {
    websocket_ = stream_->wants_tunnel();
    if (websocket_ && !conn_.knows_settings()) return;
    if (websocket_ && !conn_.session().peer_takes_websockets())
      conn_.fail_later();
    else
      submit(is_complete_ && !websocket_);
  }
  conn_.session().flush(*this);
  if (unsent() > 0) conn_.remember_unsent();
  conn_.flush_later();
}

void AppH2Stream::on_settings() {
  if (stream_ != nullptr && !head_.empty()) flush_request();
}

void AppH2Stream::shutdown_write() {
  conn_.session().end(*this, {});
  conn_.session().flush(*this);
  conn_.flush_later();
}

void AppH2Stream::pause_reading(bool paused) {
  is_paused_ = paused;
  if (paused || unconsumed == 0) return;
  conn_.session().consume(*this, unconsumed);
  conn_.flush_later();
}

void AppH2Stream::abandon() {
  stream_ = nullptr;
  if (!open) {
    conn_.release(*this);
    return;
  }
  conn_.session().reset(*this, http::H2Error::kCancel);
  conn_.flush_later();
}

// Frames leave in batches: what the kernel took since may be frames of others, which is safe to assume ours.
std::uint64_t AppH2Stream::handed() const { return id == 0 ? 0 : conn_.sent_total() - sent_before_; }

void AppH2Stream::on_response(const http::H2Fields& fields, bool is_whole) {
  if (stream_ == nullptr) return;
  if (fields.refused != http::BadReason::kNone) {
    refuse_answer(http::to_string(fields.refused));
    return;
  }
  const http::ResponseHead head = answer_head(fields, is_whole);
  if (http::is_interim(head.status)) {
    stream_->interim(head);
  } else if (!stream_->head(head)) {
    refuse_answer("unasked_switch");
  } else if (head.status == 101) {
    tunnel_ = true;
  }
}

http::ResponseHead AppH2Stream::answer_head(const http::H2Fields& fields, bool is_whole) {
  http::ResponseHead head;
  head.status = fields.status;
  if (websocket_ && fields.status / 100 == 2) {  // RFC 8441 5: the tunnel begins
    head.status = 101;
    head.upgrade = true;
    fields.headers->emplace_back("Upgrade", "websocket");
    fields.headers->emplace_back("Sec-WebSocket-Accept", accept_);
  }
  head.headers = *fields.headers;
  if (const http::Header* length = http::find_header(head.headers, http::HeaderId::kContentLength)) {
    const char* end = length->value.data() + length->value.size();
    head.has_content_length =
        std::from_chars(length->value.data(), end, head.content_length).ec == std::errc();
  }
  const bool bodiless = stream_->method() == http::Method::kHead || head.status == 204 || head.status == 304;
  if (bodiless || head.status < 200)
    head.framing = http::Framing::kNone;
  else if (head.has_content_length || is_whole)
    head.framing = http::Framing::kLength;
  else
    head.framing = http::Framing::kChunked;
  return head;
}

void AppH2Stream::on_data(std::string_view data) {
  if (stream_ != nullptr)
    stream_->body(data);
  else
    conn_.session().consume(*this, data.size());  // nobody wants it any more
}

void AppH2Stream::flush_answer() {
  if (stream_ != nullptr) stream_->flush();
  if (!is_paused_ && unconsumed > 0) conn_.session().consume(*this, unconsumed);
}

void AppH2Stream::on_end(const http::HeaderStore* fields) {
  if (stream_ == nullptr) return;
  if (tunnel_) {
    stream_->tunnel_app_end();
    return;
  }
  Stream* stream = std::exchange(stream_, nullptr);
  std::string lines;
  if (fields != nullptr) http::append_trailer_lines(lines, *fields);
  // What the app did not wait for is not sent any more.
  if (!stream->request_complete() || unsent() > 0) conn_.session().reset(*this, http::H2Error::kCancel);
  stream->end(lines);
}

void AppH2Stream::on_closed(http::H2Error error) {
  const bool refused = error == http::H2Error::kRefusedStream || conn_.is_beyond_goaway(id);
  if (refused)
    fail(AttemptFailure::kRefusedStream);
  else
    fail(error == http::H2Error::kProtocol ? AttemptFailure::kBrokenAnswer : AttemptFailure::kClosed);
}

void AppH2Stream::fail_if_refused() {
  if (stream_ == nullptr || open || id != 0) return;
  if (head_.empty()) {
    fail(AttemptFailure::kRefusedStream);
  } else if (websocket_ && conn_.knows_settings()) {
    Stream* stream = std::exchange(stream_, nullptr);
    conn_.release(*this);
    stream->app_refused({501, 0, "The app takes no WebSockets over HTTP/2 (RFC 8441)."});
  }
}

void AppH2Stream::fail(AttemptFailure why) {
  Stream* stream = std::exchange(stream_, nullptr);
  const std::uint64_t bytes = handed();
  if (open) conn_.session().reset(*this, http::H2Error::kCancel);
  conn_.release(*this);
  if (stream != nullptr) stream->failed(why, bytes);
}

void AppH2Stream::refuse_answer(std::string_view reason) {
  conn_.shard().log_bad_answer(conn_.pool().generation(), reason);
  Stream* stream = std::exchange(stream_, nullptr);
  conn_.session().reset(*this, http::H2Error::kProtocol);
  stream->failed(AttemptFailure::kBrokenAnswer, handed());
}

void AppH2Stream::tell_drained() {
  if (stream_ != nullptr && unsent() <= conn_.shard().limits().stream_buffer_bytes / 2)
    stream_->app_drained();
}

}  // namespace sidestep::sidecar
