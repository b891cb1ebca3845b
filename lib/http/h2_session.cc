// Commands → bytes. What nghttp2 calls back is in h2_session_events.cc.
#include "lib/http/h2_session.h"

#include <array>
#include <charconv>
#include <utility>

#include "lib/http/h2_session_callbacks.h"

namespace sidestep::http {
namespace {

constexpr std::size_t kKeepCapacity = 4'096;  // of buffers between turns
constexpr std::size_t kFirstOutput = 2'048;

nghttp2_nv pair_of(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// nghttp2 copies them, with names in lower case.
std::vector<nghttp2_nv> pairs_of(std::span<const Header> fields, std::size_t before) {
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.size() + before);
  return pairs;
}

void add(std::vector<nghttp2_nv>& pairs, std::span<const Header> fields) {
  for (const Header& field : fields) pairs.push_back(pair_of(field.name, field.value));
}

// ":status" and the fields of an answer; `digits` holds its text while they are used.
std::vector<nghttp2_nv> answer_pairs(int status, std::span<const Header> fields,
                                     std::array<char, 8>& digits) {
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), status).ptr;
  std::vector<nghttp2_nv> pairs = pairs_of(fields, 1);
  pairs.push_back(pair_of(":status", {digits.data(), end}));
  add(pairs, fields);
  return pairs;
}

nghttp2_option* options_of(H2Role role, const H2Limits& limits) {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  // A server's are counted by judge_frames(): nghttp2 counts a head that comes in pieces several times.
  nghttp2_option_set_max_continuations(option,
                                       role == H2Role::kServer ? 1U << 20 : 16 * limits.max_continuations);
  // H2Guard counts resets by itself; this one must not be the stricter.
  nghttp2_option_set_stream_reset_rate_limit(option, limits.reset_burst * 8, limits.resets_per_second * 8);
  nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
  return option;
}

}  // namespace

H2Session::H2Session(H2Role role, const H2Limits& limits, H2Handler& handler, HeaderStore& store)
    : limits_(limits),
      handler_(handler),
      store_(store),
      guard_(limits),
      scanner_(NGHTTP2_CLIENT_MAGIC_LEN),
      role_(role) {
  nghttp2_option* option = options_of(role, limits);
  nghttp2_session_callbacks* callbacks = Callbacks::make();
  const int made = role == H2Role::kServer ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                                           : nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  if (made != 0) throw std::bad_alloc();

  constexpr std::int32_t kNoRfc7540Priorities = 9;
  std::vector<nghttp2_settings_entry> settings{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.max_header_bytes)}};
  if (role == H2Role::kServer) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams});
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
    settings.push_back({kNoRfc7540Priorities, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

H2Session::~H2Session() { nghttp2_session_del(session_); }

bool H2Session::receive(std::string_view bytes, TimePoint now) {
  if (failed_) return false;
  guard_.refill(now);
  feed(role_ == H2Role::kServer ? judge_frames(bytes) : bytes);
  return !failed_ && nghttp2_session_want_read(session_) != 0;
}

void H2Session::feed(std::string_view bytes) {
  if (failed_ || bytes.empty()) return;
  busy_ = true;
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  busy_ = false;
  if (taken >= 0 || failed_) return;
  fault_ = nghttp2_strerror(static_cast<int>(taken));
  terminate(taken == NGHTTP2_ERR_FLOODED ? H2Error::kEnhanceYourCalm : H2Error::kProtocol);
  failed_ = true;
}

// Judges what nghttp2 drops without a word. Returns the bytes that it has not been fed yet.
std::string_view H2Session::judge_frames(std::string_view bytes) {
  H2FrameHead frame;
  std::size_t fed = 0, at = 0, taken = 0, of_head = 0;
  bool may_have_ended = false;  // a stream, by frames that were not fed yet
  while (!failed_ && scanner_.next(bytes.substr(at), &frame, &taken, &of_head)) {
    at += taken;
    const bool has_body = frame.type == H2FrameScanner::kData || frame.type == H2FrameScanner::kHeaders;
    const bool is_dropped =
        frame.type == H2FrameScanner::kPriority || frame.type > H2FrameScanner::kContinuation;
    const bool begins = has_body && frame.stream > last_begun_;
    const bool may_be_late =
        has_body && !begins &&
        (may_have_ended || nghttp2_session_find_stream(session_, frame.stream) == nullptr);
    continuations_ = frame.type == H2FrameScanner::kContinuation ? continuations_ + 1 : 0;
    if (begins && frame.type == H2FrameScanner::kHeaders) last_begun_ = frame.stream;
    if (is_dropped || may_be_late || continuations_ > limits_.max_continuations) {
      feed(bytes.substr(fed, at - of_head - fed));  // what was before it is judged first
      fed = at - of_head;
      may_have_ended = false;
      judge(frame);
    }
    may_have_ended = may_have_ended || frame.type == H2FrameScanner::kReset ||
                     (has_body && (frame.flags & H2FrameScanner::kEndStream) != 0);
  }
  return bytes.substr(fed);
}

void H2Session::judge(const H2FrameHead& frame) {
  if (frame.type == H2FrameScanner::kContinuation) {
    calm_down("flood of continuations");
  } else if (frame.type == H2FrameScanner::kData || frame.type == H2FrameScanner::kHeaders) {
    judge_late(frame);
  } else if (!guard_.on_control_frame()) {
    calm_down(kFloodOfEmptyFrames);
  } else if (frame.type == H2FrameScanner::kPriority) {
    // RFC 7540 5.3.1 and 6.3: the mistakes that can be made in what is ignored otherwise.
    if (frame.stream == 0 || frame.stream == frame.depends_on) terminate(H2Error::kProtocol);
  }
}

// Of a stream that began and is perhaps over.
void H2Session::judge_late(const H2FrameHead& frame) {
  const bool is_odd = frame.stream % 2 == 1;  // others are an error that nghttp2 sees
  if (failed_ || shut_ || !is_odd || nghttp2_session_find_stream(session_, frame.stream) != nullptr) return;
  const bool begins = frame.type == H2FrameScanner::kHeaders;
  switch (closed_.fate_of(frame.stream)) {
    case H2ClosedStreams::Fate::kFinished:
      terminate(H2Error::kStreamClosed);
      return;
    case H2ClosedStreams::Fate::kNeverOpened:
      if (begins) terminate(H2Error::kProtocol);
      return;
    case H2ClosedStreams::Fate::kResetByUs:
    case H2ClosedStreams::Fate::kForgotten:
      return;
  }
}

// Not called from within nghttp2: the flood ends with the present call of receive() or output().
void H2Session::calm_down(const char* why) {
  if (failed_) return;
  failed_ = true;
  fault_ = why;
  terminate(H2Error::kEnhanceYourCalm);
}

void H2Session::pump() {
  if (busy_) return;
  busy_ = true;
  while (!output_full()) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
    if (count < 0) failed_ = true;  // out of memory
    if (count <= 0) break;
    if (out_.capacity() < kFirstOutput) out_.reserve(kFirstOutput);
    out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
  busy_ = false;
}

std::string_view H2Session::output() {
  pump();
  return std::string_view(out_).substr(out_from_);
}

void H2Session::sent(std::size_t count) {
  out_from_ += count;
  if (out_from_ < out_.size()) {
    if (out_from_ > limits_.max_output) out_.erase(0, std::exchange(out_from_, 0));
    return;
  }
  out_.clear();
  out_from_ = 0;
  release_memory();
}

// A connection at rest keeps no buffer.
void H2Session::release_memory() {
  if (out_.capacity() > kFirstOutput) std::string().swap(out_);
  if (block_.capacity() > kKeepCapacity) std::string().swap(block_);
}

bool H2Session::finished() const {
  return out_.empty() && nghttp2_session_want_read(session_) == 0 &&
         nghttp2_session_want_write(session_) == 0;
}

void H2Session::interim(H2Stream& stream, int status, std::span<const Header> fields) {
  if (!stream.open) return;
  std::array<char, 8> digits;
  const std::vector<nghttp2_nv> pairs = answer_pairs(status, fields, digits);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, pairs.data(), pairs.size(),
                         nullptr);
}

void H2Session::respond(H2Stream& stream, int status, std::span<const Header> fields, bool ends) {
  if (!stream.open) return;
  std::array<char, 8> digits;
  const std::vector<nghttp2_nv> pairs = answer_pairs(status, fields, digits);
  stream.ends = ends;
  const nghttp2_data_provider body = Callbacks::body_of(stream);
  nghttp2_submit_response(session_, stream.id, pairs.data(), pairs.size(), ends ? nullptr : &body);
}

bool H2Session::request(H2Stream& stream, const H2Fields& head, bool ends) {
  if (failed_ || nghttp2_session_check_request_allowed(session_) == 0) return false;
  const std::span<const Header> fields = head.headers == nullptr ? std::span<const Header>() : *head.headers;
  std::vector<nghttp2_nv> pairs = pairs_of(fields, 5);
  const auto add_if_there = [&pairs](std::string_view name, std::string_view value) {
    if (!value.empty()) pairs.push_back(pair_of(name, value));
  };
  add_if_there(":method", head.method);
  add_if_there(":scheme", head.scheme);
  add_if_there(":authority", head.authority);
  add_if_there(":path", head.path);
  add_if_there(":protocol", head.protocol);
  add(pairs, fields);
  stream.ends = ends;
  const nghttp2_data_provider body = Callbacks::body_of(stream);
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), ends ? nullptr : &body, &stream);
  if (id < 0) return false;
  stream.id = id;
  stream.open = true;
  return true;
}

std::size_t H2Session::peer_max_streams() const {
  if (failed_ || nghttp2_session_check_request_allowed(session_) == 0) return 0;
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Session::peer_takes_websockets() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void H2Session::write(H2Stream& stream, std::string_view data) {
  if (!stream.open || stream.ends) return;
  keep(stream);
  stream.fresh = data;
}

void H2Session::end(H2Stream& stream, std::span<const Header> trailers) {
  if (!stream.open || stream.ends) return;
  stream.ends = true;
  for (const Header& field : trailers) stream.trailers.emplace_back(field.name, field.value);
}

void H2Session::flush(H2Stream& stream) {
  if (stream.open) {
    if (stream.deferred && (stream.unsent() > 0 || stream.ends)) {
      stream.deferred = false;
      nghttp2_session_resume_data(session_, stream.id);
    }
    pump();
  }
  keep(stream);
}

// The caller's bytes may be gone after this call.
void H2Session::keep(H2Stream& stream) {
  if (stream.fresh.empty()) return;
  if (stream.open) {
    // A reader that is always a little behind must not make the string grow by all that it has taken.
    if (stream.waiting.size() + stream.fresh.size() > stream.waiting.capacity())
      stream.waiting.erase(0, std::exchange(stream.waiting_from, 0));
    stream.waiting.append(stream.fresh);
  }
  stream.fresh = {};
}

void H2Session::reset(H2Stream& stream, H2Error error) {
  if (!stream.open) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, static_cast<std::uint32_t>(error));
}

void H2Session::consume(H2Stream& stream, std::size_t count) {
  if (!stream.open || count == 0) return;
  stream.unconsumed -= std::min(count, stream.unconsumed);
  nghttp2_session_consume(session_, stream.id, count);
}

void H2Session::announce_shutdown() {
  // nghttp2 sends a PING before everything else that waits; ours has to follow the notice.
  if (role_ == H2Role::kServer) {
    pings_after_goaway_ = nghttp2_submit_shutdown_notice(session_) == 0;
    if (pings_after_goaway_) return;
  }
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Session::shut() {
  shut_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Session::terminate(H2Error error) {
  nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(error));
}

}  // namespace sidestep::http
