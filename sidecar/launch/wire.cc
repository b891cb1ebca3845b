#include "sidecar/launch/wire.h"

namespace sidestep::launch {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kTypeBytes = 2;
constexpr std::size_t kFieldHeadBytes = 6;

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

FrameReader::Next FrameReader::next(Frame& frame) {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < kLengthBytes) return Next::kNeedMore;
  const std::size_t length = number_at(rest, 0, kLengthBytes);
  if (length < kTypeBytes || length > kMaxFrameBytes) return Next::kBroken;
  if (rest.size() < kLengthBytes + length) {
    buffer_.erase(0, std::exchange(start_, 0));
    return Next::kNeedMore;
  }
  frame.type = static_cast<Type>(number_at(rest, kLengthBytes, kTypeBytes));
  frame.body.assign(rest.substr(kLengthBytes + kTypeBytes, length - kTypeBytes));
  start_ += kLengthBytes + length;
  if (start_ == buffer_.size()) buffer_.clear(), start_ = 0;
  return Next::kFrame;
}

std::optional<std::vector<Field>> split_fields(std::string_view body) {
  std::vector<Field> fields;
  while (!body.empty()) {
    if (body.size() < kFieldHeadBytes) return std::nullopt;
    const auto tag = static_cast<std::uint16_t>(number_at(body, 0, 2));
    const std::size_t length = number_at(body, 2, 4);
    if (length > body.size() - kFieldHeadBytes) return std::nullopt;
    fields.push_back({tag, body.substr(kFieldHeadBytes, length)});
    body.remove_prefix(kFieldHeadBytes + length);
  }
  return fields;
}

namespace wire {

void append_integer(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> static_cast<unsigned>(shift))));
  }
}

bool read_integer(std::string_view value, std::uint64_t& out) {
  if (value.size() != 8) return false;
  out = number_at(value, 0, 8);
  return true;
}

void append_field(std::string& out, std::uint16_t tag, std::string_view value) {
  append_integer(out, tag, 2);
  append_integer(out, value.size(), 4);
  out.append(value);
}

std::string finish(Type type, std::string body) {
  std::string frame;
  frame.reserve(kLengthBytes + kTypeBytes + body.size());
  append_integer(frame, kTypeBytes + body.size(), 4);
  append_integer(frame, static_cast<std::uint64_t>(type), 2);
  frame.append(body);
  return frame;
}

}  // namespace wire

}  // namespace sidestep::launch
