// Frames and fields: how messages become bytes and back. No descriptor is read or written here, and no
// message is known.
//
// A frame is a length (4 bytes, big-endian, of what follows), a type (2 bytes) and fields: tag (2 bytes),
// length (4 bytes), value. Integers are 8 bytes, big-endian. A list is its tag repeated.
//
// A message is a struct with a kType and a static fields(self, f) that calls f(tag, member) for each member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sidestep::launch {

constexpr std::size_t kMaxFrameBytes = 4U << 20U;  // argv and environment of Linux fit (ARG_MAX is 2 MiB)

enum class Type : std::uint16_t;  // protocol.h

struct Field {
  std::uint16_t tag;
  std::string_view value;
};

struct Frame {
  Type type;         // may hold a number that no enumerator has
  std::string body;  // its fields
};

// Cuts a stream of bytes into frames.
class FrameReader {
 public:
  enum class Next : std::uint8_t { kFrame, kNeedMore, kBroken };

  void push(std::string_view bytes) { buffer_.append(bytes); }
  // kBroken: a length that cannot be; nothing after it can be understood and the connection is to be closed.
  Next next(Frame& frame);
  // What was pushed and is no whole frame yet.
  std::string_view rest() const { return std::string_view(buffer_).substr(start_); }

 private:
  std::string buffer_;
  std::size_t start_ = 0;
};

// The fields of a body, or nothing when they do not add up.
std::optional<std::vector<Field>> split_fields(std::string_view body);

// ---- encoding ----

namespace wire {

void append_integer(std::string& out, std::uint64_t value, int bytes);
bool read_integer(std::string_view value, std::uint64_t& out);  // exactly 8 bytes
void append_field(std::string& out, std::uint16_t tag, std::string_view value);
std::string finish(Type type, std::string body);

template <typename T>
std::string body_of(const T& message);

template <typename V>
void append_value(std::string& out, std::uint16_t tag, const V& value) {
  if constexpr (std::is_integral_v<V>) {
    std::string bytes;
    append_integer(bytes, static_cast<std::uint64_t>(value), 8);
    append_field(out, tag, bytes);
  } else if constexpr (std::is_same_v<V, std::string>) {
    append_field(out, tag, value);
  } else if constexpr (requires { value.begin(); }) {
    for (const auto& one : value) append_value(out, tag, one);
  } else {
    append_field(out, tag, body_of(value));
  }
}

template <typename T>
std::string body_of(const T& message) {
  std::string body;
  T::fields(message, [&](std::uint16_t tag, const auto& value) { append_value(body, tag, value); });
  return body;
}

template <typename T>
bool parse_body(std::string_view body, T& message);

template <typename V>
bool read_value(std::string_view bytes, V& value) {
  if constexpr (std::is_integral_v<V>) {
    std::uint64_t number = 0;
    if (!read_integer(bytes, number)) return false;
    value = static_cast<V>(number);
    return true;
  } else if constexpr (std::is_same_v<V, std::string>) {
    value.assign(bytes);
    return true;
  } else if constexpr (requires { value.emplace_back(); }) {
    return read_value(bytes, value.emplace_back());
  } else {
    return parse_body(bytes, value);
  }
}

template <typename T>
bool parse_body(std::string_view body, T& message) {
  const auto fields = split_fields(body);
  if (!fields) return false;
  bool is_good = true;
  for (const Field& field : *fields) {
    T::fields(message, [&](std::uint16_t tag, auto& value) {
      if (tag == field.tag) is_good = is_good && read_value(field.value, value);
    });
  }
  return is_good;
}

}  // namespace wire

// The whole frame, length included.
template <typename T>
std::string encode(const T& message) {
  return wire::finish(T::kType, wire::body_of(message));
}

// Nothing when the fields do not add up. REQUIRES: frame.type == T::kType.
template <typename T>
std::optional<T> decode(const Frame& frame) {
  T message;
  if (!wire::parse_body(frame.body, message)) return std::nullopt;
  return message;
}

}  // namespace sidestep::launch
