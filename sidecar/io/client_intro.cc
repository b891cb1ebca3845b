#include "sidecar/io/client_intro.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/http/proxy_header.h"
#include "sidecar/io/introduction.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {

ClientIntro::ClientIntro(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener,
                         Parts parts)
    : shard_(shard),
      wire_(std::move(wire)),
      wanted_(EPOLLIN),
      peer_(peer),
      listener_(listener),
      to_come_(parts),
      has_tls_(parts.tls) {
  if (!parts.proxy_header) wire_.begin_tls(shard_.new_tls_session());
  // A connection that cannot be watched is closed by the timer.
  shard_.loop().add(wire_.fd(), wanted_, this);
  shard_.loop().arm(*this, shard_.limits().tls_handshake_timeout);
}

ClientIntro::~ClientIntro() {
  if (wire_.is_open()) shard_.loop().remove(wire_.fd());
}

void ClientIntro::on_io(std::uint32_t events) {
  if (!wire_.is_open()) return;
  std::uint64_t ignored = 0;
  if ((events & EPOLLOUT) != 0 && wire_.send_rest(ignored) == SendState::kBroken)
    return end(HandshakeResult::kClientLeft);
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
  if (to_come_.proxy_header)
    read_header();
  else
    shake();
}

// Looks at what waits, and takes what belongs to the header: no byte of TLS or HTTP, and no byte twice.
void ClientIntro::read_header() {
  std::array<char, http::kMostProxyHeader> room;
  const ssize_t count = wire_.peek(room.data(), room.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return end(HandshakeResult::kClientLeft);
  const std::size_t before = header_.size();
  header_.append(room.data(), static_cast<std::size_t>(count));
  http::ProxyHeader header;
  const http::ProxyResult result = http::parse_proxy_header(header_, &header);
  if (result.state == http::ProxyResult::kBad) {
    ++shard_.counters().proxy_headers_refused;
    shard_.log_refused(peer_, result.why);
    return end(HandshakeResult::kFailed);
  }
  const bool done = result.state == http::ProxyResult::kDone;
  wire_.skip((done ? result.size : header_.size()) - before);
  if (!done) return;
  ++shard_.counters().proxy_headers;
  if (header.has_addresses) {
    std::copy(header.source.ip.begin(), header.source.ip.end(), peer_.ip.s6_addr);
    peer_.port = header.source.port;
    if (const AppProxyProtocol version = shard_.options().app_proxy_protocol; version != AppProxyProtocol::kOff)
      wire_.introduce(introduction_of(version, header));
  }
  to_come_.proxy_header = false;
  std::string().swap(header_);
  if (!to_come_.tls) return serve();
  wire_.begin_tls(shard_.new_tls_session());
  shake();
}

void ClientIntro::shake() {
  if (wire_.tls() == nullptr) return end(HandshakeResult::kFailed);  // no memory, or no certificate
  switch (wire_.shake()) {
    case front::TlsSession::Handshake::kMore:
      want(wire_.all_sent() ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN} | EPOLLOUT);
      return;
    case front::TlsSession::Handshake::kFailed: {
      const std::string& why = wire_.tls()->why();
      if (!why.empty()) shard_.log_refused(peer_, why);
      end(why.empty() ? HandshakeResult::kClientLeft : HandshakeResult::kFailed);
      return;
    }
    case front::TlsSession::Handshake::kDone:
      serve();
      return;
  }
}

void ClientIntro::serve() {
  Shard& shard = shard_;
  Wire wire = std::exchange(wire_, Wire());
  shard.loop().remove(wire.fd());
  const bool resumed = wire.tls() != nullptr && wire.tls()->was_resumed();
  end(resumed ? HandshakeResult::kResumed : HandshakeResult::kFull);
  shard.serve(std::move(wire), peer_, listener_);
}

void ClientIntro::want(std::uint32_t events) {
  if (events == wanted_) return;
  wanted_ = events;
  shard_.loop().modify(wire_.fd(), events);
}

void ClientIntro::on_timer() {
  shard_.counters().limits.count(Limit::kTlsHandshakeTimeout);
  end(HandshakeResult::kLate);
}

void ClientIntro::end(HandshakeResult result) {
  if (has_tls_) ++shard_.counters().handshakes[static_cast<std::size_t>(result)];
  shard_.loop().cancel(*this);
  if (wire_.is_open()) {
    shard_.loop().remove(wire_.fd());
    wire_.close();
  }
  shard_.intro_ended(*this);
}

}  // namespace sidestep::sidecar
