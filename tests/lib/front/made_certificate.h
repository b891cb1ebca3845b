// Certificates for tests, made on the spot: P-256 keys, valid from `days_from` to `days_to` around now,
// signed by themselves or by another one.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace sidestep::front {

struct MadeCertificate {
  std::string chain, key;  // PEM
  std::shared_ptr<X509> x509;
  std::shared_ptr<EVP_PKEY> pkey;
};

inline std::string pem_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

inline void add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
}

// `names` as in openssl.cnf: "DNS:a.example,URI:spiffe://x/y".
inline MadeCertificate make_certificate(const std::string& subject, const std::string& names,
                                        const MadeCertificate* issuer = nullptr, int days_from = -1,
                                        int days_to = 30) {
  MadeCertificate made;
  EVP_PKEY* const pkey = EVP_EC_gen("P-256");
  made.pkey.reset(pkey, EVP_PKEY_free);
  X509* const x509 = X509_new();
  made.x509.reset(x509, X509_free);
  X509_set_version(x509, X509_VERSION_3);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), 86'400L * days_from);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86'400L * days_to);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  X509* signer = issuer == nullptr ? x509 : issuer->x509.get();
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  X509_set_pubkey(x509, pkey);
  if (issuer == nullptr) add_extension(x509, signer, NID_basic_constraints, "CA:TRUE");
  if (!names.empty()) add_extension(x509, signer, NID_subject_alt_name, names.c_str());
  X509_sign(x509, issuer == nullptr ? pkey : issuer->pkey.get(), EVP_sha256());
  BIO* chain = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(chain, x509);
  made.chain = pem_of(chain);
  BIO* key = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key, pkey, nullptr, nullptr, 0, nullptr, nullptr);
  made.key = pem_of(key);
  return made;
}

}  // namespace sidestep::front
