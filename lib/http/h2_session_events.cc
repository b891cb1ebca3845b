// Bytes in → events, and the bodies that nghttp2 asks for.
#include <algorithm>
#include <utility>

#include "lib/http/h2_session_callbacks.h"

namespace sidestep::http {
namespace {

constexpr std::int32_t kTinyWindow = 1'024;  // an update by less brings nothing but work
constexpr std::size_t kTinyBody = 256;       // the same for a frame of a body
constexpr std::size_t kFieldOverhead = 32;   // RFC 9113 6.5.2
constexpr std::size_t kBombFactor = 4;       // times max_header_bytes, and nobody can mean well

H2Session& session_of(void* self) { return *static_cast<H2Session*>(self); }

H2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool ends_stream(const nghttp2_frame& frame) { return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0; }
bool is_ack(const nghttp2_frame& frame) { return (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0; }

// RFC 7540 5.3.1, as in judge().
bool depends_on_itself(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_PRIORITY) != 0 &&
         frame.headers.pri_spec.stream_id == frame.hd.stream_id;
}

// Frames that carry nothing.
bool is_idle_talk(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      return !is_ack(frame);
    case NGHTTP2_GOAWAY:
      return true;
    case NGHTTP2_WINDOW_UPDATE:
      return frame.window_update.window_size_increment < kTinyWindow;
    case NGHTTP2_DATA:
      return frame.hd.length == frame.data.padlen && !ends_stream(frame);
    default:
      return false;
  }
}

}  // namespace

nghttp2_session_callbacks* H2Session::Callbacks::make() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  return callbacks;
}

int H2Session::Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* self) {
  session_of(self).begin_block();
  return 0;
}

int H2Session::Callbacks::on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                                    std::uint8_t, void* self) {
  H2Session& session = session_of(self);
  session.add_field(text(name, name_size), text(value, value_size));
  if (session.block_bytes_ <= session.limits_.max_header_bytes * kBombFactor) return 0;
  session.calm_down(kHeaderBomb);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

// What nghttp2 would drop in silence: the stream ends with PROTOCOL_ERROR.
int H2Session::Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                                            std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                                            void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void H2Session::begin_block() {
  block_.clear();
  fields_.clear();
  block_bytes_ = 0;
  block_refused_ = BadReason::kNone;
}

void H2Session::add_field(std::string_view name, std::string_view value) {
  block_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (block_bytes_ > limits_.max_header_bytes) {
    block_refused_ = BadReason::kHeadTooLarge;
    return;
  }
  if (fields_.size() >= limits_.max_headers + 5) {  // pseudo-header fields are not counted
    block_refused_ = BadReason::kTooManyFields;
    return;
  }
  fields_.push_back({static_cast<std::uint32_t>(block_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  block_.append(name).append(value);
}

H2Fields H2Session::fields() {
  H2Fields result;
  result.refused = block_refused_;
  result.headers = &store_;
  store_.clear();
  const std::string_view block(block_);
  for (const Field& field : fields_) {
    const std::string_view name = block.substr(field.at, field.name);
    const std::string_view value = block.substr(field.at + field.name, field.value);
    if (name[0] != ':') {
      store_.emplace_back(name, value);
    } else if (name == ":method") {
      result.method = value;
    } else if (name == ":scheme") {
      result.scheme = value;
    } else if (name == ":authority") {
      result.authority = value;
    } else if (name == ":path") {
      result.path = value;
    } else if (name == ":protocol") {
      result.protocol = value;
    } else if (name == ":status") {
      for (const char c : value) result.status = result.status * 10 + (c - '0');  // three digits
    }
  }
  return result;
}

int H2Session::Callbacks::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  H2Session& owner = session_of(self);
  const std::int32_t id = frame->hd.stream_id;
  if (is_idle_talk(*frame) && !owner.guard_.on_control_frame()) {
    owner.calm_down(kFloodOfEmptyFrames);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (depends_on_itself(*frame)) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
      } else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        owner.take_request(id, ends_stream(*frame));
      } else if (H2Stream* stream = stream_of(session, id)) {
        owner.take_answer_or_trailers(*stream, ends_stream(*frame));
      }
      break;
    case NGHTTP2_DATA:
      if (frame->hd.length > frame->data.padlen) owner.guard_.on_payload();
      if (H2Stream* stream = stream_of(session, id); stream != nullptr && ends_stream(*frame)) {
        stream->remote_ended = true;
        owner.handler_.on_end(*stream, nullptr);
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (owner.role_ == H2Role::kServer && !owner.guard_.on_reset()) {
        owner.calm_down(kRapidReset);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      }
      break;
    case NGHTTP2_SETTINGS:
      if (!is_ack(*frame)) owner.handler_.on_settings();
      break;
    case NGHTTP2_PING:
      if (is_ack(*frame)) owner.handler_.on_ping_ack();
      break;
    case NGHTTP2_GOAWAY:
      owner.handler_.on_goaway(frame->goaway.last_stream_id, static_cast<H2Error>(frame->goaway.error_code));
      break;
    default:
      break;
  }
  return 0;
}

void H2Session::take_request(std::int32_t id, bool ends) {
  H2Stream* stream = handler_.new_stream();
  if (stream == nullptr) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  stream->id = id;
  stream->open = true;
  stream->remote_ended = ends;
  nghttp2_session_set_stream_user_data(session_, id, stream);
  handler_.on_request(*stream, fields(), ends);
}

void H2Session::take_answer_or_trailers(H2Stream& stream, bool ends) {
  const H2Fields block = fields();
  if (ends) stream.remote_ended = true;
  if (block.status != 0) {
    handler_.on_response(stream, block, ends);
  } else if (ends) {
    handler_.on_end(stream, block.headers);
  }
}

int H2Session::Callbacks::on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                  const std::uint8_t* data, std::size_t size, void* self) {
  H2Stream* stream = stream_of(session, id);
  if (stream == nullptr) {
    nghttp2_session_consume_connection(session, size);
    return 0;
  }
  stream->unconsumed += size;
  session_of(self).handler_.on_data(*stream, text(data, size));
  return 0;
}

int H2Session::Callbacks::on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t error,
                                          void* self) {
  H2Session& owner = session_of(self);
  if (owner.role_ == H2Role::kServer) owner.closed_.finished(id);
  H2Stream* stream = stream_of(session, id);
  if (stream != nullptr) owner.closed(*stream, error);
  return 0;
}

void H2Session::closed(H2Stream& stream, std::uint32_t error) {
  if (stream.unconsumed > 0) {
    nghttp2_session_consume_connection(session_, std::exchange(stream.unconsumed, 0));
  }
  if (stream.local_ended && stream.remote_ended) guard_.on_answered();
  stream.open = false;
  stream.fresh = {};
  std::string().swap(stream.waiting);
  stream.waiting_from = 0;
  handler_.on_closed(stream, static_cast<H2Error>(error));
}

nghttp2_data_provider H2Session::Callbacks::body_of(H2Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = read_body;
  return provider;
}

ssize_t H2Session::Callbacks::read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                                        std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                                        void*) {
  H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
  const std::size_t have = stream.unsent();
  if (have == 0 && !stream.ends) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  const std::size_t size = std::min(have, most);
  if (size < have || !stream.ends) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.trailers.empty()) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  std::vector<nghttp2_nv> pairs;
  for (auto& [name, value] : stream.trailers) {
    pairs.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                     reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                     NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
  stream.trailers.clear();
  return static_cast<ssize_t>(size);
}

// The frame's head and its bytes, straight into the output.
int H2Session::Callbacks::send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                                    std::size_t size, nghttp2_data_source* source, void* self) {
  H2Session& owner = session_of(self);
  if (owner.output_full()) return NGHTTP2_ERR_WOULDBLOCK;
  H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
  constexpr std::size_t kFrameHead = 9;
  owner.out_.append(text(head, kFrameHead));
  if (size >= kTinyBody) owner.guard_.on_payload();
  const std::size_t waited = std::min(size, stream.waiting.size() - stream.waiting_from);
  owner.out_.append(stream.waiting, stream.waiting_from, waited);
  stream.waiting_from += waited;
  if (stream.waiting_from == stream.waiting.size()) {
    std::string().swap(stream.waiting);
    stream.waiting_from = 0;
  }
  owner.out_.append(stream.fresh.substr(0, size - waited));
  stream.fresh.remove_prefix(size - waited);
  return 0;
}

int H2Session::Callbacks::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  H2Session& owner = session_of(self);
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    const std::uint32_t error = frame->rst_stream.error_code;
    if (owner.role_ == H2Role::kServer) owner.closed_.reset_by_us(frame->hd.stream_id);
    const bool peers_fault = error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_FLOW_CONTROL_ERROR ||
                             error == NGHTTP2_STREAM_CLOSED || error == NGHTTP2_FRAME_SIZE_ERROR;
    if (peers_fault && owner.role_ == H2Role::kServer && !owner.guard_.on_reset()) {
      owner.calm_down(kMadeToBeReset);
    }
    return 0;
  }
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    if (std::exchange(owner.pings_after_goaway_, false))
      nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, nullptr);
    return 0;
  }
  if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) || !ends_stream(*frame)) return 0;
  H2Stream* stream = stream_of(session, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->local_ended = true;
  if (stream->stop_peer_at_end && !stream->remote_ended) owner.reset(*stream, H2Error::kNone);
  return 0;
}

}  // namespace sidestep::http
