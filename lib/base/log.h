// One line per event: a constant message and key/value pairs, as text or JSON, on standard error.
//
// Never blocks the caller: lines go through a bounded queue that a thread of the logger empties; when the reader of
// standard error is stuck, the oldest lines are dropped and counted. Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace sidestep::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class Format : std::uint8_t { kText, kJson };

struct Field {
  std::string_view key;
  std::string value;
  bool quoted = true;  // false: a number or a boolean, written bare in JSON

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  Field(std::string_view k, T v) : key(k), value(text_of(v)), quoted(false) {}

 private:
  template <typename T>
  static std::string text_of(T v) {
    if constexpr (std::is_same_v<T, bool>) return v ? "true" : "false";
    else return std::to_string(v);
  }
};
using Fields = std::initializer_list<Field>;

// Call once, early. Before it, lines are written at once and as text.
void start(Level least, Format format);
// Writes what is queued, for at most a second. Call before exit and before exec.
void stop();
// Lines that were dropped because nobody read standard error.
std::uint64_t dropped();

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

}  // namespace sidestep::log
