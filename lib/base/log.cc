#include "lib/base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "lib/base/capabilities.h"
#include "lib/base/clock.h"

namespace sidestep::log {
namespace {

constexpr std::size_t kQueuedLines = 512;

std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::logger> logger;
Level least_level = Level::kInfo;
Format line_format = Format::kText;

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "info";
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", byte);
      out += escaped.data();
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string format_line(Level level, std::string_view message, Fields fields) {
  std::string line;
  line.reserve(160);
  const std::string time = format_time(system_clock().wall());
  if (line_format == Format::kJson) {
    line += "{\"time\":\"" + time + "\",\"level\":\"";
    line += name_of(level);
    line += "\",\"msg\":";
    append_quoted(line, message);
    for (const Field& field : fields) {
      line += ',';
      append_quoted(line, field.key);
      line += ':';
      if (field.quoted)
        append_quoted(line, field.value);
      else
        line += field.value;
    }
    return line += '}';
  }
  line += time;
  line += ' ';
  line += name_of(level);
  line += ' ';
  line += message;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    const bool plain = !field.value.empty() && field.value.find_first_of(" \"\\=\n\r\t") == std::string::npos;
    if (plain)
      line += field.value;
    else
      append_quoted(line, field.value);
  }
  return line;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < least_level) return;
  const std::string line = format_line(level, message, fields);
  if (logger) {
    logger->log(spdlog::level::info, spdlog::string_view_t(line));
  } else {
    std::fwrite((line + "\n").data(), 1, line.size() + 1, stderr);
  }
}

}  // namespace

void start(Level least, Format format) {
  least_level = least;
  line_format = format;
  // Waited for: once the process has a filter of system calls, a thread that comes late could not give them up.
  auto given_up = std::make_shared<std::promise<void>>();
  pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1, [given_up] {
    drop_thread_capabilities();
    given_up->set_value();
  });
  given_up->get_future().wait();
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%v");
  logger = std::make_shared<spdlog::async_logger>("sidestep", std::move(sink), pool,
                                                  spdlog::async_overflow_policy::overrun_oldest);
  logger->flush_on(spdlog::level::trace);
}

void stop() {
  logger.reset();
  if (!pool) return;
  // The pool joins its thread after that has written what is queued: never, when nobody reads standard error.
  auto written = std::make_shared<std::promise<void>>();
  std::future<void> is_written = written->get_future();
  std::thread([last = std::move(pool), written]() mutable {
    last.reset();
    written->set_value();
  }).detach();
  pool.reset();
  (void)is_written.wait_for(Seconds(1));
}

std::uint64_t dropped() { return pool ? pool->overrun_counter() : 0; }

void debug(std::string_view message, Fields fields) { write(Level::kDebug, message, fields); }
void info(std::string_view message, Fields fields) { write(Level::kInfo, message, fields); }
void warn(std::string_view message, Fields fields) { write(Level::kWarn, message, fields); }
void error(std::string_view message, Fields fields) { write(Level::kError, message, fields); }

}  // namespace sidestep::log
