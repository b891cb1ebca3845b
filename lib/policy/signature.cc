#include "lib/policy/signature.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <array>
#include <cstdlib>

namespace sidestep::policy {
namespace {

constexpr std::size_t kSignatureBytes = 64;  // RFC 8032, 5.1.6
constexpr std::size_t kMostPemBytes = 4096;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

std::shared_ptr<void> owned(EVP_PKEY* key) {
  return {key, [](void* held) { EVP_PKEY_free(static_cast<EVP_PKEY*>(held)); }};
}

EVP_PKEY* raw(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hex(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 0xf];
  }
  return text;
}

// EVP_EncodeBlock and its counterpart pad without saying so; both lengths are fixed here.
std::string base64(const std::array<unsigned char, kSignatureBytes>& bytes) {
  std::array<unsigned char, 4 * ((kSignatureBytes + 2) / 3) + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

// Strict: 88 letters, of which the last two are "=". The decoder fills 66 bytes, two of them padding.
bool signature_of(std::string_view text, std::array<unsigned char, 66>& out) {
  if (text.size() != 88 || !text.ends_with("==") || text[85] == '=') return false;
  return EVP_DecodeBlock(out.data(), octets(text), static_cast<int>(text.size())) == 66;
}

// First 16 hex digits of SHA-256 over SubjectPublicKeyInfo.
std::string id_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return {};
  const std::string id =
      sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(length)}).substr(0, 16);
  OPENSSL_free(der);
  return id;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return length <= 0 ? std::string() : std::string(data, static_cast<std::size_t>(length));
}

Error bad_pem(const char* what, const char* begin) {
  return invalid(std::string(what) + " is not Ed25519 in PEM form; it begins with \"-----BEGIN " + begin +
                 "-----\"");
}

Bio reader(std::string_view pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), kMostPemBytes))), BIO_free};
}

int no_password(char*, int, int, void*) { return -1; }  // never ask on a terminal

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return hex(digest.data(), length);
}

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  return hex(digest.data(), length);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(bytes)) != 1) std::abort();  // no randomness, no safe way on
  return hex(random.data(), random.size());
}

std::string canonical(const CommandHead& head) {
  return "sidestep-v1\n" + head.method + "\n" + head.path + "\n" + head.body_sha256 + "\n" +
         std::to_string(head.time_ms) + " " + head.nonce + " " + std::to_string(head.epoch) + " " +
         head.lease_uid + " " + head.pod_uid + " " + head.boot_id;
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  EVP_PKEY* key = PEM_read_bio_PUBKEY(reader(pem).get(), nullptr, no_password, nullptr);
  const auto held = owned(key);
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
    return bad_pem("the public key", "PUBLIC KEY");
  return PublicKey(held, id_of(key));
}

bool PublicKey::verify(std::string_view text, std::string_view signature_base64) const {
  std::array<unsigned char, 66> signature{};
  if (!signature_of(signature_base64, signature)) return false;
  const Digest context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, raw(key_)) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), kSignatureBytes, octets(text), text.size()) == 1;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  EVP_PKEY* key = PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr);
  const auto held = owned(key);
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
    return bad_pem("the private key", "PRIVATE KEY");
  return PrivateKey(held, id_of(key));
}

PrivateKey PrivateKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) std::abort();  // out of memory or randomness
  return PrivateKey(owned(key), id_of(key));
}

std::string PrivateKey::sign(std::string_view text) const {
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t length = signature.size();
  const Digest context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  const bool is_signed =
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, raw(key_)) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &length, octets(text), text.size()) == 1;
  return is_signed ? base64(signature) : std::string();
}

std::string PrivateKey::public_pem() const {
  const Bio out{BIO_new(BIO_s_mem()), BIO_free};
  PEM_write_bio_PUBKEY(out.get(), raw(key_));
  return contents(out.get());
}

std::string PrivateKey::private_pem() const {
  const Bio out{BIO_new(BIO_s_mem()), BIO_free};
  PEM_write_bio_PKCS8PrivateKey(out.get(), raw(key_), nullptr, nullptr, 0, nullptr, nullptr);
  return contents(out.get());
}

}  // namespace sidestep::policy
