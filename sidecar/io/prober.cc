#include "sidecar/io/prober.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/http/h1_parser.h"
#include "lib/loop/socket.h"
#include "sidecar/io/introduction.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

namespace {

constexpr std::size_t kMostAnswer = 8'192;
constexpr std::size_t kRead = 2'048;
constexpr std::string_view kTlsFailure = "TLS to the app: ";
constexpr char kTlsAlert = 0x15;  // RFC 8446 5.1

std::string host_of(const policy::Readiness& readiness, const AppAddress& address) {
  if (!readiness.host.empty()) return readiness.host;
  return address.socket_path.empty() ? "127.0.0.1:" + std::to_string(address.port) : "localhost";
}

}  // namespace

// The probes of one generation, one after the other.
class Probe final : public IoHandler, public Timer, public Deletable {
 public:
  using Report = std::function<void(HealthChange, const std::string& why)>;

  Probe(EventLoop& loop, Prober::Speech& speech, AppAddress address, const policy::Readiness& readiness,
        Report report)
      : loop_(loop),
        speech_(speech),
        address_(std::move(address)),
        readiness_(readiness),
        health_(readiness, loop.now()),
        report_(std::move(report)) {}
  ~Probe() override { close_connection(); }

  void start() { loop_.arm(*this, Millis{0}); }
  void look_now() {
    if (!wire_.is_open()) loop_.arm(*this, Millis{0});
  }
  void retire() {  // nothing is reported any more
    close_connection();
    loop_.cancel(*this);
    report_ = nullptr;
  }
  const std::string& last_failure() const { return failure_; }
  bool was_refused() const { return refused_; }

  void on_timer() override {
    if (wire_.is_open())
      done(ProbeResult::kBad, "no answer within " + std::to_string(readiness_.timeout.count()) + " ms");
    else
      connect();
  }

  void on_io(std::uint32_t) override {
    switch (step_) {
      case Step::kConnect:
        if (const int error = socket_error(wire_.fd()); error != 0)
          return done(ProbeResult::kRefused, std::string("connect: ") + std::strerror(error));
        return connected();
      case Step::kShake:
        return shake();
      case Step::kAnswer:
        return read_answer();
    }
  }

 private:
  enum class Step : std::uint8_t { kConnect, kShake, kAnswer };

  void connect() {
    const bool local = !address_.socket_path.empty();
    Result<UniqueFd> socket =
        local ? connect_unix(address_.socket_path) : connect_tcp("127.0.0.1", address_.port);
    if (!socket && lacks_descriptor(socket.error())) return postpone();
    if (!socket) return done(ProbeResult::kRefused, socket.error().detail);
    wire_ = Wire(std::move(*socket));
    step_ = Step::kConnect;
    answer_.clear();
    loop_.arm(*this, readiness_.timeout);
    if (!loop_.add(wire_.fd(), EPOLLOUT, this))
      done(ProbeResult::kBad, "the probe's socket cannot be watched");
  }

  // Without a descriptor nothing was asked, so nothing is known of the app: what it was, it stays.
  void postpone() { loop_.arm(*this, health_.delay(loop_.now())); }

  void connected() {
    const AppTlsTerms& terms = speech_.terms;
    if (terms.traffic == nullptr) return ask();
    const bool asks = readiness_.kind == policy::ProbeKind::kHttpGet;
    needs_h2_ = !asks && terms.speaks_h2();
    wire_.begin_tls(front::TlsSession::connect(asks ? terms.http1 : terms.traffic, speech_.buffers));
    if (wire_.tls() == nullptr) return done(ProbeResult::kBad, "no memory for TLS");
    step_ = Step::kShake;
    shake();
  }

  void shake() {
    std::uint64_t ignored = 0;
    if (!wire_.all_sent() && wire_.send_rest(ignored) == SendState::kBroken) return tls_failed({});
    switch (wire_.shake()) {
      case front::TlsSession::Handshake::kMore:
        loop_.modify(wire_.fd(), wire_.all_sent() ? EPOLLIN : EPOLLIN | EPOLLOUT);
        return;
      case front::TlsSession::Handshake::kFailed:
        return tls_failed(wire_.tls()->why());
      case front::TlsSession::Handshake::kDone:
        if (needs_h2_ && !wire_.tls()->is_h2()) return tls_failed(kAppChoosesNoH2);
        return ask();
    }
  }

  void tls_failed(std::string_view why) {
    if (why.empty()) why = "the app closed the connection in the handshake";
    done(ProbeResult::kBad, std::string(kTlsFailure).append(why));
  }

  void ask() {
    step_ = Step::kAnswer;
    const bool connects_only = readiness_.kind == policy::ProbeKind::kTcpSocket;
    const std::string request = speech_.introduction + (connects_only ? std::string() : http_request());
    if (!request.empty() && !say(request)) return done(ProbeResult::kBad, "the request was not taken");
    if (connects_only) return done(ProbeResult::kGood, {});
    loop_.modify(wire_.fd(), EPOLLIN);
  }

  std::string http_request() const {
    return "GET " + readiness_.path +
                                " HTTP/1.1\r\nHost: " + host_of(readiness_, address_) +
                                "\r\nUser-Agent: sidestep-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  }

  bool say(std::string_view text) {
    OutVec pieces;
    pieces.add(text);
    std::uint64_t ignored = 0;
    return wire_.send(pieces, ignored) == SendState::kAll;
  }

  void read_answer() {
    std::array<char, kRead + front::TlsSession::kReadRoom> buffer;
    const ssize_t got = wire_.recv(buffer.data(), wire_.room_to_read(kRead));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // TLS 1.3: what the app finds wrong with us is told after the handshake.
    if (got < 0 && !wire_.tls_failure().empty()) return tls_failed(wire_.tls_failure());
    if (got <= 0) return done(ProbeResult::kBad, "the app closed the connection without an answer");
    answer_.append(buffer.data(), static_cast<std::size_t>(got));
    judge_answer();
  }

  void judge_answer() {
    http::ResponseHead head;
    http::HeaderStore store;
    std::string_view rest = answer_;
    http::HeadResult result;
    do {  // interim answers are skipped
      result = http::parse_response_head(rest, http::Method::kGet, http::H1Limits{}, &head, store);
      if (result.state != http::HeadResult::kDone || !http::is_interim(head.status)) break;
      rest.remove_prefix(result.consumed);
    } while (true);
    if (result.state == http::HeadResult::kBad) {
      const bool is_tls = answer_.front() == kTlsAlert && wire_.tls() == nullptr;
      return done(ProbeResult::kBad,
                  is_tls ? "the app speaks TLS; add --app-tls" : "the answer is not HTTP/1.1");
    }
    if (result.state == http::HeadResult::kNeedMore) {
      if (answer_.size() >= kMostAnswer) done(ProbeResult::kBad, "the answer's head is longer than 8 KiB");
      return;
    }
    const bool good = head.status >= 200 && head.status < 400;
    const std::string what = "GET " + readiness_.path + " answered " + std::to_string(head.status);
    done(good ? ProbeResult::kGood : ProbeResult::kBad, good ? std::string() : what);
  }

  void close_connection() {
    if (!wire_.is_open()) return;
    if (step_ == Step::kAnswer) wire_.say_whole();
    loop_.remove(wire_.fd());
    wire_.close();
  }

  void done(ProbeResult result, std::string why) {
    close_connection();
    failure_ = std::move(why);
    refused_ = result == ProbeResult::kRefused;
    const HealthChange change = health_.add(result);
    loop_.arm(*this, health_.delay(loop_.now()));
    if (change != HealthChange::kNone && report_) report_(change, failure_);
  }

  EventLoop& loop_;
  Prober::Speech& speech_;
  const AppAddress address_;
  const policy::Readiness readiness_;
  Health health_;
  Report report_;
  Wire wire_;  // of the probe that is under way
  Step step_ = Step::kConnect;
  std::string answer_;
  std::string failure_;
  bool refused_ = false;
  bool needs_h2_ = false;
};

Prober::Prober(EventLoop& loop, Callback callback, AppProxyProtocol introduction)
    : loop_(loop), callback_(std::move(callback)) {
  speech_.introduction = introduction_of(introduction, {});
}

Prober::~Prober() = default;

void Prober::watch(Generation generation, const AppAddress& address, const policy::Readiness& readiness) {
  if (is_watched(generation)) return;
  auto probe = std::make_unique<Probe>(loop_, speech_, address, readiness,
                                       [this, generation](HealthChange change, const std::string& why) {
                                         callback_(generation, change, why);
                                       });
  probe->start();
  probes_.emplace(generation, std::move(probe));
}

void Prober::unwatch(Generation generation) {
  const auto it = probes_.find(generation);
  if (it == probes_.end()) return;
  it->second->retire();
  loop_.destroy_later(std::move(it->second));
  probes_.erase(it);
}

void Prober::keep_only(const std::vector<Generation>& generations) {
  std::vector<Generation> unwanted;
  for (const auto& [generation, probe] : probes_) {
    if (std::find(generations.begin(), generations.end(), generation) == generations.end())
      unwanted.push_back(generation);
  }
  for (const Generation generation : unwanted) unwatch(generation);
}

std::string Prober::last_failure(Generation generation) const {
  const auto it = probes_.find(generation);
  return it == probes_.end() ? std::string() : it->second->last_failure();
}

bool Prober::was_refused(Generation generation) const {
  const auto it = probes_.find(generation);
  return it != probes_.end() && it->second->was_refused();
}

bool Prober::failed_tls(Generation generation) const {
  return last_failure(generation).starts_with(kTlsFailure);
}

void Prober::look_now(Generation generation) {
  if (const auto it = probes_.find(generation); it != probes_.end()) it->second->look_now();
}

}  // namespace sidestep::sidecar
