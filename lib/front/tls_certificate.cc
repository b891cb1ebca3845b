#include "lib/front/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace sidestep::front {
namespace {

constexpr std::size_t kMostChain = 16;  // certificates

template <typename T, void (*kFree)(T*)>
struct Freeing {
  void operator()(T* object) const { kFree(object); }
};
using X509Ptr = std::unique_ptr<X509, Freeing<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY, EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freeing<GENERAL_NAMES, GENERAL_NAMES_free>>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

int no_password(char*, int, int, void*) { return -1; }  // never ask on a terminal

BioPtr reader(std::string_view pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string text_of(const ASN1_STRING* string) {
  const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  return {data, static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr others(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; others != nullptr && i < sk_GENERAL_NAME_num(others.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(others.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
  }
  if (others != nullptr) return names;
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

}  // namespace

struct TlsCertificate::Held {
  std::vector<X509Ptr> chain;  // the first one is ours
  KeyPtr key;
};

TlsCertificate::TlsCertificate(std::shared_ptr<const Held> held)
    : held_(std::move(held)),
      names_(names_of(held_->chain.front().get())),
      not_before_(time_of(X509_get0_notBefore(held_->chain.front().get()))),
      not_after_(time_of(X509_get0_notAfter(held_->chain.front().get()))) {}

Result<TlsCertificatePtr> TlsCertificate::from_pem(std::string_view chain, std::string_view key) {
  auto held = std::make_shared<Held>();
  const BioPtr certificates = reader(chain);
  while (held->chain.size() <= kMostChain) {
    X509Ptr next(PEM_read_bio_X509(certificates.get(), nullptr, no_password, nullptr));
    if (next == nullptr) break;
    held->chain.push_back(std::move(next));
  }
  const BioPtr keys = reader(key);
  held->key.reset(PEM_read_bio_PrivateKey(keys.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (held->chain.empty()) {
    return invalid("holds no certificate in PEM form; it begins with \"-----BEGIN CERTIFICATE-----\"");
  }
  if (held->chain.size() > kMostChain) {
    return invalid("holds more than " + std::to_string(kMostChain) + " certificates; give one chain");
  }
  if (held->key == nullptr) return invalid("holds no private key in PEM form without a password");
  if (X509_check_private_key(held->chain.front().get(), held->key.get()) != 1) {
    ERR_clear_error();
    return invalid("the private key is not that of the certificate");
  }
  return TlsCertificatePtr(new TlsCertificate(std::move(held)));
}

bool TlsCertificate::give_to(ssl_ctx_st* context) const {
  bool taken = SSL_CTX_use_certificate(context, held_->chain.front().get()) == 1 &&
               SSL_CTX_use_PrivateKey(context, held_->key.get()) == 1;
  for (std::size_t i = 1; i < held_->chain.size() && taken; ++i) {
    taken = SSL_CTX_add1_chain_cert(context, held_->chain[i].get()) == 1;
  }
  return taken;
}

CertificateVerdict judge(WallTime not_before, WallTime not_after, WallTime now) {
  if (now >= not_after) return CertificateVerdict::kExpired;
  return now < not_before ? CertificateVerdict::kNotYetValid : CertificateVerdict::kUse;
}

std::string_view to_string(CertificateVerdict verdict) {
  switch (verdict) {
    case CertificateVerdict::kUse:
      return "usable";
    case CertificateVerdict::kExpired:
      return "expired";
    case CertificateVerdict::kNotYetValid:
      return "not valid yet";
  }
  return "";
}

}  // namespace sidestep::front
