// One side of a connection on the codec, as a log: feeds pieces of bytes the way a proxy does (partial heads
// kept, heads parsed again when that is worth while, bodies read as they come) and writes down what was
// understood.
#pragma once

#include <string>
#include <string_view>

#include "lib/http/h1_parser.h"
#include "tests/lib/http/case_file.h"

namespace sidestep::http::cases {

class ConnectionLog {
 public:
  explicit ConnectionLog(bool is_request, Method request = Method::kGet)
      : is_request_(is_request), method_(request) {}

  void feed(std::string_view piece) {
    kept_ += piece;
    while (!is_over_ && (in_body_ ? read_body() : read_head(false))) {
    }
  }

  // What was understood when the connection ends here.
  std::string finish() {
    if (!is_over_ && !in_body_ && !kept_.empty()) read_head(true);
    if (has_closed_ && !kept_.empty()) line("unread " + std::to_string(kept_.size()));
    if (is_over_) return log_;
    flush();
    if (in_body_)
      line(body_.complete_at_eof() ? "end by close" : "incomplete");
    else if (!kept_.empty())
      line("incomplete");
    return log_;
  }

 private:
  void line(const std::string& text) { log_ += text + "\n"; }
  void flush() {
    if (!data_.empty()) line("body " + escape(data_));
    data_.clear();
  }

  bool read_head(bool at_end) {
    if (kept_.empty() || (!at_end && !scanner_.worth_parsing(kept_, limits_))) return false;
    const HeadResult result = is_request_ ? parse_request_head(kept_, limits_, &request_, store_)
                                          : parse_response_head(kept_, method_, limits_, &response_, store_);
    if (result.state == HeadResult::kNeedMore) return false;
    scanner_.reset();
    if (result.state == HeadResult::kBad) return stop("bad", result.status, result.reason);
    is_request_ ? log_request() : log_response();
    if (is_request_)
      body_.start(request_.framing, request_.content_length);
    else
      body_.start(response_.framing, response_.content_length);
    keep_alive_ = is_request_ ? request_.keep_alive : response_.keep_alive;
    is_final_ = is_request_ || !is_interim(response_.status);
    kept_.erase(0, result.consumed);
    in_body_ = true;
    return true;
  }

  bool read_body() {
    const BodyStep step = body_.next(kept_, limits_);
    data_ += step.data;
    if (step.bad != BadReason::kNone) {
      flush();
      return stop("bad", is_request_ ? status_of(step.bad) : 502, step.bad);
    }
    const std::string trailers(step.trailers);
    kept_.erase(0, step.consumed);
    if (!step.finished) return step.consumed > 0;
    flush();
    if (!trailers.empty()) line("trailers " + escape(trailers));
    line("end");
    in_body_ = false;
    if (keep_alive_ || !is_final_) return true;
    has_closed_ = true;
    return is_over_ = true, false;
  }

  bool stop(const std::string& what, int status, BadReason reason) {
    line(what + " " + std::to_string(status) + " " + std::string(to_string(reason)));
    return is_over_ = true, false;
  }

  static std::string framing(Framing framing, std::uint64_t length) {
    switch (framing) {
      case Framing::kNone:
        return "";
      case Framing::kLength:
        return " length=" + std::to_string(length);
      case Framing::kChunked:
        return " chunked";
      case Framing::kUntilClose:
        return " until-close";
    }
    return "";
  }

  void log_request() {
    std::string text = "request " + std::string(request_.method_text) + " " + escape(request_.target) +
                       " 1." + std::to_string(request_.minor_version) +
                       " host=" + std::string(request_.authority);
    text += framing(request_.framing, request_.content_length);
    if (!request_.keep_alive) text += " close";
    if (request_.expect_continue) text += " expect";
    if (request_.upgrade) text += request_.websocket ? " websocket" : " upgrade";
    line(text);
  }

  void log_response() {
    std::string text =
        "response " + std::to_string(response_.status) + " 1." + std::to_string(response_.minor_version);
    if (!response_.reason.empty()) text += " \"" + escape(response_.reason) + "\"";
    text += framing(response_.framing, response_.content_length);
    if (response_.framing == Framing::kNone && response_.has_content_length) {
      text += " would-be-length=" + std::to_string(response_.content_length);
    }
    if (!response_.keep_alive) text += " close";
    if (response_.upgrade) text += " upgrade";
    line(text);
  }

  const bool is_request_;
  const Method method_;
  const H1Limits limits_{.max_head_bytes = 1024,
                         .max_target = 256,
                         .max_headers = 16,
                         .max_trailer_bytes = 256,
                         .max_chunk_line = 64,
                         .max_chunk_extension_bytes = 128};
  HeadScanner scanner_;
  RequestHead request_;
  ResponseHead response_;
  HeaderStore store_;
  BodyReader body_;
  bool in_body_ = false;
  bool keep_alive_ = true;
  bool is_final_ = true;
  bool is_over_ = false;     // nothing more is read
  bool has_closed_ = false;  // because the last message said so
  std::string kept_;
  std::string data_;
  std::string log_;
};

}  // namespace sidestep::http::cases
