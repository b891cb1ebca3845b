#include "lib/front/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "lib/front/tls_contexts.h"

namespace sidestep::front {
namespace {

constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr std::string_view kH2First{"\x02h2\x08http/1.1", 12};
constexpr std::string_view kH1{"\x08http/1.1", 9};
constexpr std::string_view kH2{"\x02h2", 3};

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error last_error(const std::string& what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return invalid(what + ": " + (reason == nullptr ? "unknown reason" : reason));
}

const TlsServer::Contexts& terms_of(SSL* ssl) {
  return *static_cast<const TlsServer::Contexts*>(SSL_get_app_data(ssl));
}

int choose_certificate(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const TlsServer::Contexts& terms = terms_of(ssl);
  const std::optional<std::size_t> found = terms.names.find(name);
  if (found && *found > 0) SSL_set_SSL_CTX(ssl, terms.by_certificate[*found].get());
  return SSL_TLSEXT_ERR_OK;
}

// RFC 7301 3.2: nothing in common is an error.
int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  const std::string_view ours = terms_of(ssl).h2 ? kH2First : kH1;
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, size, octets(ours), static_cast<unsigned int>(ours.size()),
                                          offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool start_mac(EVP_MAC_CTX* mac, const TicketKey& key) {
  std::array<char, 7> digest{"SHA256"};
  std::array<unsigned char, 32> bytes = key.mac;
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

// 1: key set; 2: set, and a new ticket should be given; 0: the ticket cannot be read, or none is given.
int ticket_key(SSL* ssl, unsigned char name[16], unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
               int encrypts) {
  const TlsServer::Contexts& terms = terms_of(ssl);
  if (terms.tickets.empty()) return 0;
  if (encrypts == 1) {
    const TicketKey& newest = terms.tickets.front();
    std::copy(newest.name.begin(), newest.name.end(), name);
    const int size = EVP_CIPHER_get_iv_length(terms.ticket_cipher.get());
    if (RAND_bytes(iv, size) != 1) return -1;
    const bool set =
        EVP_EncryptInit_ex2(cipher, terms.ticket_cipher.get(), newest.cipher.data(), iv, nullptr) == 1;
    return set && start_mac(mac, newest) ? 1 : -1;
  }
  const auto key = std::find_if(terms.tickets.begin(), terms.tickets.end(), [&](const TicketKey& one) {
    return std::equal(one.name.begin(), one.name.end(), name);
  });
  if (key == terms.tickets.end()) return 0;
  const bool set = start_mac(mac, *key) && EVP_DecryptInit_ex2(cipher, terms.ticket_cipher.get(),
                                                               key->cipher.data(), iv, nullptr) == 1;
  if (!set) return -1;
  // Of TLS 1.3 each ticket is used once (RFC 8446 C.4): whoever resumes gets the next one.
  return key == terms.tickets.begin() && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

bool set_versions_and_ciphers(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, kCiphers) == 1 && SSL_CTX_set1_groups_list(context, kGroups) == 1;
}

// The certificates of `pem` are those that others are judged by. Their subjects are told to clients.
Status trust(SSL_CTX* context, std::string_view pem, bool tell) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> reader(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  STACK_OF(X509_INFO)* all = PEM_X509_INFO_read_bio(reader.get(), nullptr, nullptr, nullptr);
  int count = 0;
  for (int i = 0; all != nullptr && i < sk_X509_INFO_num(all); ++i) {
    X509* authority = sk_X509_INFO_value(all, i)->x509;
    if (authority == nullptr) continue;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1) ++count;
    if (tell) SSL_CTX_add_client_CA(context, authority);
  }
  sk_X509_INFO_pop_free(all, X509_INFO_free);
  ERR_clear_error();
  return count > 0 ? Status() : Status(invalid("holds no certificate of an authority in PEM form"));
}

// The authorities are read now: a folder of them, which OpenSSL looks through at each handshake, is not
// enough.
Status trust_as_the_machine(SSL_CTX* context) {
  const bool set = SSL_CTX_set_default_verify_paths(context) == 1;
  ERR_clear_error();  // a file that is not there is no failure to OpenSSL
  if (set && sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context))) > 0) return {};
  return invalid(std::string("the machine's certificate authorities are not in ") +
                 X509_get_default_cert_file() + "; install them (ca-certificates), or name a file of them");
}

// Sessions made under other rules for clients are not resumed.
bool bind_sessions(SSL_CTX* context, const TlsServerSettings& settings) {
  const std::string rules = (settings.client_required ? "required " : "optional ") + settings.client_ca;
  std::array<unsigned char, EVP_MAX_MD_SIZE> id{};
  unsigned int size = 0;
  return EVP_Digest(rules.data(), rules.size(), id.data(), &size, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context, id.data(), std::min(size, 32U)) == 1;
}

Result<ContextPtr> make_server_context(const TlsServerSettings& settings, const TlsCertificate& certificate) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || !set_versions_and_ciphers(context.get()) ||
      !bind_sessions(context.get(), settings))
    return last_error("TLS cannot be set up");
  if (!certificate.give_to(context.get())) return last_error("the certificate is not taken");
  SSL_CTX_set_num_tickets(context.get(), settings.tickets.empty() ? 0 : 1);
  if (settings.tickets.empty()) SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_timeout(context.get(), static_cast<long>(settings.ticket_lifetime.count()));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context.get(), ticket_key);
  SSL_CTX_set_tlsext_servername_callback(context.get(), choose_certificate);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (!settings.client_ca.empty()) {
    if (Status trusted = trust(context.get(), settings.client_ca, true); !trusted) return trusted.error();
    SSL_CTX_set_verify(context.get(),
                       SSL_VERIFY_PEER | (settings.client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }
  return context;
}

}  // namespace

void FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void FreeCipher::operator()(evp_cipher_st* cipher) const { EVP_CIPHER_free(cipher); }

TicketKey random_ticket_key() {
  TicketKey key;
  const bool random = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                      RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
                      RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
  if (!random) std::abort();  // no randomness, no safe way on
  return key;
}

TlsServer::TlsServer(std::unique_ptr<Contexts> contexts) : contexts_(std::move(contexts)) {}
TlsServer::~TlsServer() = default;

Result<TlsServerPtr> TlsServer::make(TlsServerSettings settings) {
  auto contexts = std::make_unique<Contexts>();
  contexts->h2 = settings.h2;
  for (const TlsCertificatePtr& certificate : settings.certificates) {
    Result<ContextPtr> context = make_server_context(settings, *certificate);
    if (!context) return context.error();
    for (const std::string& name : certificate->names()) {
      contexts->names.add(name, contexts->by_certificate.size());
    }
    contexts->by_certificate.push_back(*std::move(context));
  }
  contexts->ticket_cipher.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  contexts->tickets = std::move(settings.tickets);
  return TlsServerPtr(new TlsServer(std::move(contexts)));
}

TlsClient::TlsClient(std::unique_ptr<Context> context) : context_(std::move(context)) {}
TlsClient::~TlsClient() = default;

Result<TlsClientPtr> TlsClient::make(const TlsClientSettings& settings) {
  auto made = std::make_unique<Context>();
  made->name = settings.name;
  made->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context.get();
  if (context == nullptr || !set_versions_and_ciphers(context)) return last_error("TLS cannot be set up");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, take_ticket);
  const std::string_view alpn = settings.h2 ? kH2 : kH1;
  SSL_CTX_set_alpn_protos(context, octets(alpn), static_cast<unsigned int>(alpn.size()));
  if (settings.trust == TlsClientSettings::Trust::kSystem) {
    if (Status trusted = trust_as_the_machine(context); !trusted) return trusted.error();
  }
  if (settings.trust == TlsClientSettings::Trust::kGiven) {
    if (Status trusted = trust(context, settings.ca, false); !trusted) return trusted.error();
  }
  const bool verifies = settings.trust != TlsClientSettings::Trust::kNothing;
  SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (settings.certificate != nullptr && !settings.certificate->give_to(context))
    return last_error("the certificate is not taken");
  return TlsClientPtr(new TlsClient(std::move(made)));
}

}  // namespace sidestep::front
