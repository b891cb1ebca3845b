// One thread of the data plane: an epoll loop, the clients that it accepted, and its connections to the app.
//
// Owns its clients, streams and pools; shares nothing with other shards but the listening sockets. The
// methods under "any thread" post to the loop; everything else belongs to the shard's thread.
#pragma once

#include <netinet/in.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/http/h1_parser.h"
#include "lib/http/h2_limits.h"
#include "lib/http/h2_message.h"
#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/memory_pressure.h"
#include "sidecar/core/route_table.h"
#include "sidecar/io/client_h1.h"
#include "sidecar/io/client_h2_stream.h"
#include "sidecar/io/client_intro.h"
#include "sidecar/io/kept_bytes.h"
#include "sidecar/io/out_vec.h"
#include "sidecar/io/parked_clients.h"
#include "sidecar/io/router.h"
#include "sidecar/io/source_counts.h"
#include "sidecar/io/stream_pool.h"
#include "sidecar/io/trusted_sources.h"
#include "sidecar/io/turn_end.h"

namespace sidestep::sidecar {

// The terms of TLS, for connections from now on; null where it is not spoken.
struct TlsTerms {
  front::TlsServerPtr clients;
  front::TlsClientPtr app;
};

// Reports to the plane; called on the shard's thread.
struct ShardEvents {
  // Pools of these generations are idle under the table of `version`, which this shard has acknowledged.
  std::function<void(int shard, std::uint64_t version, std::vector<Generation> idle)> acknowledged;
  std::function<void(Generation)> suspect;
  std::function<void()> starved;
};

class Shard final {
 public:
  // `index` of `count` shards: its part of every global bound is its share of 1/count.
  Shard(const Options& options, const TrustedSources& trusted, SourceCounts& sources, int index, int count,
        ShardEvents events);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // --- Any thread.
  // The listeners stay the caller's and outlive the shard.
  void start(std::vector<int> listeners, RouteTablePtr table, TlsTerms tls);
  void publish(RouteTablePtr table);
  void secure(TlsTerms terms);
  void shed(MemoryPressure pressure);
  void reset_hold_mark();
  ShardCounters latest_counters() const;
  // Calls back on the shard's thread.
  void ask_counters(std::function<void(ShardCounters)> answer);
  void stop();  // cuts what is open; returns when the thread has ended

  // --- The shard's thread.
  EventLoop& loop() { return loop_; }
  TimePoint now() const { return loop_.now(); }
  const Options& options() const { return options_; }
  const Limits& limits() const { return options_.limits; }
  const http::H1Limits& h1_limits() const { return h1_limits_; }
  const http::H2Limits& app_h2_limits() const { return app_h2_limits_; }
  const http::H2Limits& client_h2_limits() const { return client_h2_limits_; }
  const TrustedSources& trusted() const { return trusted_; }
  Router& router() { return router_; }
  StreamPool& streams() { return streams_; }
  ClientH2Streams& h2_streams() { return h2_streams_; }
  ShardCounters& counters() { return counters_; }
  bool is_ending() const { return is_ending_; }
  bool sheds(MemoryPressure what) const { return pressure_ >= what; }
  const ShardEvents& events() const { return events_; }
  int index() const { return index_; }
  int count() const { return count_; }

  KeptBytes& kept() { return kept_; }
  OutVec& to_client() { return to_client_; }
  OutVec& to_app() { return to_app_; }
  http::HeaderStore& headers() { return headers_; }
  http::H2AnswerFields& h2_fields() { return h2_fields_; }
  // Where sockets are read to: valid until the next read.
  char* scratch() { return scratch_.get(); }
  static constexpr std::size_t kRead = 65'536;
  static constexpr std::size_t kLargeRead = 262'144;
  // For bodies of which at least kSplicedFrom bytes are to come.
  SplicePipe& pipe() { return pipe_; }
  static constexpr std::size_t kSplicedFrom = 65'536;

  std::uint16_t listener_port(std::uint16_t listener) const { return ports_[listener]; }
  // Null: the connection cannot be served.
  std::unique_ptr<front::TlsSession> new_tls_session();
  std::unique_ptr<front::TlsSession> new_app_tls_session(front::TlsResumption& resumption);
  void intro_ended(ClientIntro& intro);
  // What a request tells the app of the client that it came from. `ip` holds the address while that is used.
  http::ForwardContext forward_context(const Wire& wire, const PeerAddress& peer, std::uint16_t listener,
                                       const http::RequestHead& head,
                                       std::array<char, INET6_ADDRSTRLEN>& ip) const;
  // A client whose first request has not been read yet; `listener` is the number of the one it came by.
  void serve(Wire wire, const PeerAddress& peer, std::uint16_t listener);
  // The same for one that speaks HTTP/2; `bytes` were read already.
  void serve_h2(Wire wire, const PeerAddress& peer, std::uint16_t listener, std::string_view bytes);
  // Calls on_turn_end() once, after the clients' resume().
  void at_turn_end(TurnEnd& object) { turn_ends_.push_back(&object); }
  // Calls client.resume() at the end of the turn.
  void later(ClientH1& client);
  void client_closed(ClientConn& client);
  // No request will come by this wire any more: what the app got a PROXY header for is closed at the end of
  // the turn.
  void client_left(const Wire& wire);
  // The client is silent: its descriptor lives on in few bytes, until it speaks.
  void park(ClientH1& client, SilentClient silent);
  void log_refused(const PeerAddress& peer, std::string_view reason);
  // A message was refused: counted when the reason is one of our limits.
  void count_limit(http::BadReason reason);
  // Closes clients that have been idle for longest. Returns how many.
  std::size_t reclaim_descriptors();
  void log_bad_answer(Generation generation, std::string_view reason);
  void log_app_tls(Generation generation, std::string_view reason);

 private:
  struct Listener final : IoHandler {
    Listener(Shard& owner, int descriptor, std::uint16_t number)
        : shard(owner), fd(descriptor), index(number) {}
    void on_io(std::uint32_t) override { shard.accept_from(*this); }
    Shard& shard;
    const int fd;
    const std::uint16_t index;
    bool tls = false;
    bool proxy = false;
  };

  void run(std::vector<int> listeners, RouteTablePtr table);
  void accept_from(const Listener& listener);
  void welcome(UniqueFd fd, const PeerAddress& peer, const Listener& listener);
  void rest_from_accepting();
  bool admits(const PeerAddress& peer);
  void unpark(SilentClient silent, std::uint32_t events);
  std::size_t open_clients() const { return clients_.size() + intros_.size() + parked_.size(); }
  void listen(bool on);
  template <typename Call>
  void for_each_client(Call call);
  void apply(RouteTablePtr table);
  void on_tick();
  std::size_t close_idle_clients();
  void save_memory();
  std::optional<TimePoint> release_by();
  void release_silent_clients();
  void on_turn_end();
  void publish_counters();
  ShardCounters collect();

  const Options& options_;
  const TrustedSources& trusted_;
  SourceCounts& sources_;  // shared with the other shards
  const int index_;
  const int count_;
  const ShardEvents events_;
  const http::H1Limits h1_limits_;
  const http::H2Limits app_h2_limits_;
  const http::H2Limits client_h2_limits_;
  const bool introduces_;     // the app gets PROXY headers
  const std::string nobody_;  // of a client without an address

  EventLoop loop_;
  KeptBytes kept_;
  std::unique_ptr<char[]> scratch_;
  http::HeaderStore headers_;
  OutVec to_client_;
  OutVec to_app_;
  SplicePipe pipe_;
  ShardCounters counters_;
  http::H2AnswerFields h2_fields_;
  StreamPool streams_;
  ClientH2Streams h2_streams_;
  Router router_;
  front::TlsBuffers tls_buffers_;
  TlsTerms tls_;
  IntrusiveList<ClientIntro> intros_;  // oldest first
  IntrusiveList<ClientConn> clients_;
  ParkedClients parked_;
  std::vector<ClientH1*> later_;
  std::vector<TurnEnd*> turn_ends_;
  std::vector<std::string> left_;  // introductions of clients that left in this turn
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::uint16_t> ports_;
  FunctionTimer tick_;
  FunctionTimer listen_again_;
  std::size_t parked_lately_ = 0;  // since memory was last given back
  TimePoint trimmed_{};
  std::size_t logged_ = 0;  // lines about refused messages in this tick
  MemoryPressure pressure_ = MemoryPressure::kNone;
  bool is_listening_ = false;
  bool is_announced_ = false;  // that the pod ends, or that another worker took over
  bool is_ending_ = false;     // the listeners were closed for good
  bool is_shut_ = false;       // and clients without a request were told to go
  TimePoint leaving_since_{};  // this worker was replaced
  double release_due_ = 0;     // silent clients to be closed by now

  mutable std::mutex published_mutex_;
  ShardCounters published_;  // guarded by published_mutex_
  std::thread thread_;
};

}  // namespace sidestep::sidecar
