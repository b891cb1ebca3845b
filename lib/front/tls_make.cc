#include "lib/front/tls_make.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace sidestep::front {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;

constexpr Seconds kSkew{3'600};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Memory memory_of(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void extend(X509* subject, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, subject, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  X509_add_ext(subject, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate begin(const std::string& name, EVP_PKEY* key, WallTime now, Seconds lifetime) {
  Certificate made(X509_new());
  std::array<unsigned char, 16> serial{};
  if (RAND_bytes(serial.data(), serial.size()) != 1) std::abort();  // no randomness, no safe way on
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made.get()));
  BN_free(number);
  X509_set_version(made.get(), X509_VERSION_3);
  const auto at = std::chrono::system_clock::to_time_t(now);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), at - kSkew.count());
  ASN1_TIME_set(X509_getm_notAfter(made.get()), at + lifetime.count());
  const std::string common = name.substr(0, 64);  // RFC 5280, ub-common-name
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_pubkey(made.get(), key);
  return made;
}

CertificatePem pem_of(X509* certificate, EVP_PKEY* key) {
  const Memory first(BIO_new(BIO_s_mem())), second(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(first.get(), certificate);
  PEM_write_bio_PKCS8PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(first.get()), text_of(second.get())};
}

std::string alternative_name(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  const bool is_address = inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
                          inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
  return (is_address ? "IP:" : "DNS:") + name;
}

}  // namespace

CertificatePem make_authority(const std::string& name, WallTime now, Seconds lifetime) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = begin(name, key.get(), now, lifetime);
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  extend(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(made.get(), made.get(), NID_key_usage, "critical,keyCertSign");
  extend(made.get(), made.get(), NID_subject_key_identifier, "hash");
  X509_sign(made.get(), key.get(), EVP_sha256());
  return pem_of(made.get(), key.get());
}

Result<CertificatePem> make_server_certificate(const CertificatePem& authority,
                                               const std::vector<std::string>& names, WallTime now,
                                               Seconds lifetime) {
  const Certificate issuer(
      PEM_read_bio_X509(memory_of(authority.certificate).get(), nullptr, nullptr, nullptr));
  const Key issuer_key(PEM_read_bio_PrivateKey(memory_of(authority.key).get(), nullptr, nullptr, nullptr));
  if (!issuer || !issuer_key) return invalid("the authority's certificate or key is not PEM");
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1)
    return invalid("the authority's key does not fit its certificate");
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = begin(names.front(), key.get(), now, lifetime);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get()));
  std::string alternatives;
  for (const std::string& name : names)
    alternatives += (alternatives.empty() ? "" : ",") + alternative_name(name);
  extend(made.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(made.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  extend(made.get(), issuer.get(), NID_ext_key_usage, "serverAuth");
  extend(made.get(), issuer.get(), NID_authority_key_identifier, "keyid");
  extend(made.get(), issuer.get(), NID_subject_alt_name, alternatives);
  X509_sign(made.get(), issuer_key.get(), EVP_sha256());
  return pem_of(made.get(), key.get());
}

}  // namespace sidestep::front
