// An app for tests: listens on a free loopback port and lets a function handle each connection, byte by byte.
//
// Each connection has its own thread; the destructor closes everything and joins.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace sidestep::test {

// One connected socket with blocking calls and a time limit of five seconds each.
class RawConn {
 public:
  explicit RawConn(int fd);
  RawConn(RawConn&& other) noexcept;
  RawConn(const RawConn&) = delete;
  RawConn& operator=(const RawConn&) = delete;
  ~RawConn();

  void send(std::string_view bytes);
  // Up to and with `end`; what was read when the other side ended or the time was over.
  std::string read_until(std::string_view end);
  std::string read_bytes(std::size_t count);
  std::string read_all();  // to the end of input
  bool at_end();           // the other side has closed (waits for it)
  void half_close();
  void reset();  // RST
  void close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // One whole request or answer with Content-Length or none.
  std::string read_message();

 private:
  bool fill();
  int fd_;
  std::string buffer_;
};

// Connects to 127.0.0.1.
RawConn connect_to(std::uint16_t port);

class RawApp {
 public:
  using Handler = std::function<void(RawConn&)>;
  explicit RawApp(Handler handler);
  RawApp(const RawApp&) = delete;
  RawApp& operator=(const RawApp&) = delete;
  ~RawApp();

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  // Connects are refused from now on; open connections stay.
  void stop_listening();

  // Answers each request on a connection with 200 and `body`, for as long as the client keeps it open.
  static Handler answering(std::string body);

 private:
  void accept_loop();
  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread acceptor_;
  std::mutex mutex_;
  std::list<std::thread> threads_;  // guarded by mutex_
  std::list<int> open_;             // guarded by mutex_
};

}  // namespace sidestep::test
