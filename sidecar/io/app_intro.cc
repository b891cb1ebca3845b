#include "sidecar/io/app_intro.h"

#include <sys/epoll.h>

#include <utility>

#include "sidecar/io/app_pool.h"
#include "sidecar/io/app_tls_keeper.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {

using Handshake = front::TlsSession::Handshake;

AppIntro::AppIntro(Shard& shard, AppPool& pool, Wire wire)
    : shard_(shard), pool_(pool), wire_(std::move(wire)), began_(shard.now()), wanted_(EPOLLOUT) {
  shard_.loop().add(wire_.fd(), wanted_, this, Order::kFirst);  // one that cannot be watched becomes late
}

AppIntro::~AppIntro() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
}

void AppIntro::on_io(std::uint32_t events) {
  if (!wire_.is_open()) return;
  if (wire_.tls() == nullptr) return on_connected(events);
  std::uint64_t ignored = 0;
  if ((events & EPOLLOUT) != 0 && wire_.send_rest(ignored) == SendState::kBroken)
    return refuse(AppHandshakeResult::kAppLeft, {});
  is_shaken_ ? finish() : shake();
}

void AppIntro::on_connected(std::uint32_t events) {
  const int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? socket_error(wire_.fd()) : 0;
  if (error != 0 || (events & EPOLLOUT) == 0) {
    pool_.connect_failed();
    close();
    return;
  }
  wire_.begin_tls(shard_.new_app_tls_session(pool_.resumption()));
  if (wire_.tls() == nullptr) return refuse(AppHandshakeResult::kFailed, "no memory");
  shake();
}

void AppIntro::shake() {
  switch (wire_.shake()) {
    case Handshake::kMore:
      want(wire_.all_sent() ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN} | EPOLLOUT);
      return;
    case Handshake::kFailed: {
      const front::TlsSession& tls = *wire_.tls();
      if (tls.why().empty()) return refuse(AppHandshakeResult::kAppLeft, {});
      const bool untrusted = tls.is_untrusted();
      return refuse(untrusted ? AppHandshakeResult::kUntrusted : AppHandshakeResult::kFailed, tls.why());
    }
    case Handshake::kDone:
      is_shaken_ = true;
      finish();
      return;
  }
}

// The last bytes of the handshake leave before anything else.
void AppIntro::finish() {
  if (!wire_.all_sent()) return want(EPOLLOUT);
  const bool h2 = is_h2(shard_.options().app_protocol);
  if (h2 && !wire_.tls()->is_h2()) return refuse(AppHandshakeResult::kFailed, kAppChoosesNoH2);
  // RFC 9112 9.2: an HTTP/1 server says nothing first.
  if (!h2 && wire_.is_stale()) return refuse(AppHandshakeResult::kAppLeft, {});
  count(wire_.tls()->was_resumed() ? AppHandshakeResult::kResumed : AppHandshakeResult::kFull);
  shard_.loop().remove(wire_.fd());
  pool_.introduced(*this, std::exchange(wire_, Wire()));
}

void AppIntro::want(std::uint32_t events) {
  if (events == wanted_) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void AppIntro::count(AppHandshakeResult result) {
  ++shard_.counters().app_handshakes[static_cast<std::size_t>(result)];
}

void AppIntro::refuse(AppHandshakeResult result, std::string_view why) {
  count(result);
  // Once for all tries in a row.
  if (!pool_.fails_tls())
    shard_.log_app_tls(pool_.generation(), why.empty() ? "the app closed the connection" : why);
  pool_.handshake_failed();
  close();
}

void AppIntro::close() {
  if (!wire_.is_open()) return;
  shard_.loop().remove(wire_.fd());
  wire_.close();
  pool_.gone(*this);
}

}  // namespace sidestep::sidecar
