#include "lib/front/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "lib/front/tls_contexts.h"
#include "lib/front/tls_identity.h"

namespace sidestep::front {

namespace {

// Empty: the other side left without a word.
std::string reason_of_failure(SSL* ssl) {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return {};
  const char* reason = ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "TLS error " + std::to_string(code) : reason;
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    text.append(": ").append(X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) text += ": what came is not TLS";
  return text;
}

// A connection that ends without a word makes its own session useless, and no copy.
std::shared_ptr<SSL_SESSION> copy_of(SSL_SESSION* session) {
  return {SSL_SESSION_dup(session), SSL_SESSION_free};
}

}  // namespace

int TlsSession::bio_read(bio_st* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  const ssize_t count = session.read_socket(into, static_cast<std::size_t>(std::max(size, 0)));
  if (count < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

int TlsSession::bio_write(bio_st* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  session.buffers_.sealed.append(bytes, static_cast<std::size_t>(std::max(size, 0)));
  return size;
}

const bio_method_st* TlsSession::bio_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "connection");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made,
                      [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
    return made;
  }();
  return kMethod;
}

ssl_st* TlsSession::new_ssl(ssl_ctx_st* context) {
  SSL* ssl = SSL_new(context);
  BIO* bio = ssl == nullptr ? nullptr : BIO_new(bio_method());
  if (bio == nullptr) {
    SSL_free(ssl);
    return nullptr;
  }
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return ssl;
}

TlsSession::TlsSession(std::shared_ptr<const void> terms, ssl_st* ssl, TlsBuffers& buffers)
    : terms_(std::move(terms)), ssl_(ssl), buffers_(buffers) {
  BIO_set_data(SSL_get_rbio(ssl_), this);
}

std::unique_ptr<TlsSession> TlsSession::accept(TlsServerPtr terms, TlsBuffers& buffers) {
  const TlsServer::Contexts& contexts = terms->contexts();
  SSL* ssl = new_ssl(contexts.by_certificate.front().get());
  if (ssl == nullptr) return nullptr;
  SSL_set_app_data(ssl, const_cast<TlsServer::Contexts*>(&contexts));
  SSL_set_accept_state(ssl);
  std::unique_ptr<TlsSession> session(new TlsSession(std::move(terms), ssl, buffers));
  session->is_server_ = true;
  return session;
}

std::unique_ptr<TlsSession> TlsSession::connect(TlsClientPtr terms, TlsBuffers& buffers,
                                                TlsResumption* resumption) {
  const TlsClient::Context& context = terms->context();
  SSL* ssl = new_ssl(context.context.get());
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl);
  const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), context.name.c_str()) == 1;
  if (!context.name.empty() && !is_address) {
    SSL_set_tlsext_host_name(ssl, context.name.c_str());
    SSL_set1_host(ssl, context.name.c_str());
  }
  if (resumption != nullptr && resumption->session != nullptr && resumption->terms == terms)
    SSL_set_session(ssl, copy_of(resumption->session.get()).get());
  std::unique_ptr<TlsSession> session(new TlsSession(terms, ssl, buffers));
  session->client_ = std::move(terms);
  session->resumption_ = resumption;
  SSL_set_app_data(ssl, session.get());
  return session;
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

int take_ticket(ssl_st* ssl, ssl_session_st* session) {
  static_cast<TlsSession*>(SSL_get_app_data(ssl))->remember(session);
  return 0;  // it stays the connection's
}

void TlsSession::remember(ssl_session_st* session) {
  if (resumption_ != nullptr) *resumption_ = {client_, copy_of(session)};
}

ssize_t TlsSession::read_socket(char* into, std::size_t size) {
  size = std::min(size, budget_);
  if (is_dry_ || size == 0) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t count = ::recv(fd_, into, size, MSG_DONTWAIT);
  if (count < 0) {
    error_ = errno;
    if (errno == EINTR) errno = EAGAIN;  // asked again by the loop
    return -1;
  }
  budget_ -= static_cast<std::size_t>(count);
  is_dry_ = static_cast<std::size_t>(count) < size;  // the loop reports more; one call is saved
  if (count == 0) error_ = ECONNRESET;
  return count;
}

TlsSession::Handshake TlsSession::shake(int fd) {
  fd_ = fd;
  error_ = 0;
  budget_ = 4 * kRecord;
  is_dry_ = false;
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return finish_handshake() ? Handshake::kDone : Handshake::kFailed;
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return Handshake::kMore;
  why_ = reason_of_failure(ssl_);
  is_untrusted_ = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  ERR_clear_error();
  return Handshake::kFailed;
}

bool TlsSession::finish_handshake() {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  is_h2_ = std::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
  was_resumed_ = SSL_session_reused(ssl_) == 1;
  is_done_ = true;
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_mode(ssl_) == SSL_VERIFY_NONE) return true;
  // A resumed session brings the certificate along unverified: its end is looked at again.
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    why_ = is_server_ ? "the client's certificate has expired" : "the server's certificate has expired";
    is_untrusted_ = true;
    return false;
  }
  if (!is_server_) return true;
  Result<std::string> identity = client_identity(certificate);
  if (identity)
    identity_ = *std::move(identity);
  else
    why_ = identity.error().detail;
  return identity.has_value();
}

ssize_t TlsSession::recv(int fd, char* into, std::size_t size) {
  fd_ = fd;
  error_ = 0;
  budget_ = size - kReadRoom;
  is_dry_ = false;
  std::size_t total = 0;
  int result = 1;
  while (result == 1) {
    std::size_t count = 0;
    result = SSL_read_ex(ssl_, into + total, size - total, &count);
    total += count;
  }
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_SSL) why_ = reason_of_failure(ssl_);
  if (error != SSL_ERROR_WANT_READ) ERR_clear_error();
  if (total > 0) {
    // The loop has to report the end once more: it came with the bytes before it.
    if (error != SSL_ERROR_WANT_READ) ::shutdown(fd, SHUT_RD);
    return static_cast<ssize_t>(total);
  }
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
  return -1;
}

bool TlsSession::is_stale(int fd) {
  fd_ = fd;
  error_ = 0;
  budget_ = 4 * kRecord;
  is_dry_ = false;
  char byte = 0;
  std::size_t count = 0;
  const int result = SSL_peek_ex(ssl_, &byte, 1, &count);
  if (result == 1) return true;
  const bool quiet = SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  return !quiet;
}

bool TlsSession::write(std::string_view bytes) {
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) == 1) return true;
  ERR_clear_error();
  return false;
}

bool TlsSession::seal(std::string_view piece) {
  std::string& plain = buffers_.plain;
  if (!plain.empty() || piece.size() < kRecord) {
    const std::string_view begin = piece.substr(0, kRecord - plain.size());
    plain += begin;
    piece.remove_prefix(begin.size());
    if (plain.size() < kRecord) return true;
    if (!seal_end()) return false;
  }
  const std::size_t whole = piece.size() - piece.size() % kRecord;
  if (whole > 0 && !write(piece.substr(0, whole))) return false;
  plain += piece.substr(whole);
  return true;
}

bool TlsSession::seal_end() {
  if (buffers_.plain.empty()) return true;
  const bool written = write(buffers_.plain);
  buffers_.plain.clear();
  return written;
}

void TlsSession::end() {
  if (!is_done_ || (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0) return;
  if (SSL_shutdown(ssl_) < 0) ERR_clear_error();
}

}  // namespace sidestep::front
