#include "lib/front/tls_identity.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sidestep::front {
namespace {

constexpr std::size_t kMost = 4'096;

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void append_value(std::string& out, std::string_view key, std::string_view value, bool quoted) {
  if (!out.empty()) out += ';';
  out.append(key).append("=");
  quoted = quoted || value.find_first_of(",;=\"\\") != std::string_view::npos;
  if (quoted) out += '"';
  for (const char c : value) {
    if (quoted && (c == '"' || c == '\\')) out += '\\';
    out += c;
  }
  if (quoted) out += '"';
}

std::string hash_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 0xf];
  }
  return text;
}

std::string subject_of(X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Result<std::string> client_identity(x509_st* certificate) {
  std::string out;
  append_value(out, "Hash", hash_of(certificate), false);
  const std::string subject = subject_of(certificate);
  bool plain = is_plain(subject);
  append_value(out, "Subject", subject, true);
  using Names = std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)>;
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const ASN1_IA5STRING* value = name->d.ia5;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                static_cast<std::size_t>(ASN1_STRING_length(value)));
    plain = plain && is_plain(text);
    append_value(out, name->type == GEN_URI ? "URI" : "DNS", text, false);
  }
  if (!plain) return refused("the client's certificate has a name with characters that no field may hold");
  if (out.size() > kMost) return refused("the client's certificate has names of more than 4 KiB");
  return out;
}

}  // namespace sidestep::front
