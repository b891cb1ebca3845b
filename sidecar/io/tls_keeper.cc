#include "sidecar/io/tls_keeper.h"

#include <sys/stat.h>

#include "lib/base/log.h"
#include "sidecar/io/small_file.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLook{1'000};
constexpr Millis kLookAtRefused{60'000};  // one that is not valid yet becomes so without a change
// Each key encrypts for half a lifetime and is understood for a whole one after that.
constexpr std::size_t kTicketKeys = 3;

Error at(const std::string& path, Error error) {
  error.detail = path + ": " + error.detail;
  return error;
}

}  // namespace

TlsKeeper::TlsKeeper(EventLoop& loop, const Clock& clock, const TlsOptions& options, Seconds session_lifetime,
                     Publish publish)
    : loop_(loop),
      clock_(clock),
      options_(options),
      session_lifetime_(session_lifetime),
      publish_(std::move(publish)),
      look_timer_([this] { look(); }),
      key_timer_([this] {
        renew_keys();
        (void)this->publish();
      }) {
  for (const std::string& path : options_.certificates) pairs_.push_back({path, {}, {}, {}, nullptr, 0});
}

Status TlsKeeper::start(TicketKeys tickets) {
  for (Pair& pair : pairs_) {
    pair.stamp = stamp_of({files_of(pair).chain, files_of(pair).key});
    Result<front::TlsCertificatePtr> certificate = read(pair);
    if (!certificate) return at(pair.path, certificate.error());
    pair.used = *std::move(certificate);
    const auto verdict = front::judge(pair.used->not_before(), pair.used->not_after(), clock_.wall());
    if (verdict != front::CertificateVerdict::kUse) {
      log::error("a certificate that clients will not accept is used, as there is no other",
                 {{"path", pair.path}, {"reason", front::to_string(verdict)}});
    }
  }
  if (Status read = read_client_ca(); !read) return read;
  tickets_ = std::move(tickets);
  if (session_lifetime_.count() == 0)
    tickets_ = {};
  else if (tickets_.keys.empty())
    renew_keys();
  else
    loop_.arm_at(key_timer_, tickets_.renew_at);
  if (Status published = publish(); !published) return published;
  loop_.arm(look_timer_, kLook);
  return {};
}

TlsKeeper::Files TlsKeeper::files_of(const Pair& pair) {
  struct stat status {};
  const bool folder = ::stat(pair.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return folder ? Files{pair.path + "/tls.crt", pair.path + "/tls.key"} : Files{pair.path, pair.path};
}

Result<front::TlsCertificatePtr> TlsKeeper::read(const Pair& pair) const {
  const Files files = files_of(pair);
  Result<std::string> chain = read_small_file(files.chain);
  if (!chain) return chain.error();
  Result<std::string> key = read_small_file(files.key);
  if (!key) return key.error();
  Result<front::TlsCertificatePtr> certificate = front::TlsCertificate::from_pem(*chain, *key);
  if (!certificate) return certificate;
  front::TlsServerSettings alone;  // does TLS take it? (a key may be too short)
  alone.certificates = {*certificate};
  if (const auto tried = front::TlsServer::make(std::move(alone)); !tried) return tried.error();
  return certificate;
}

Status TlsKeeper::read_client_ca() {
  if (options_.client_ca.empty()) return {};
  client_ca_stamp_ = stamp_of({options_.client_ca});
  Result<std::string> text = read_small_file(options_.client_ca);
  if (!text) return text.error();
  client_ca_ = *std::move(text);
  return {};
}

// True: the certificate in use is another one now.
bool TlsKeeper::refresh(Pair& pair) {
  const Files files = files_of(pair);
  const std::string stamp = stamp_of({files.chain, files.key});
  const bool look_again = !pair.wrong.empty() && loop_.now() >= pair.look_again;
  if (stamp == pair.stamp && !look_again) return false;
  pair.stamp = stamp;
  pair.look_again = loop_.now() + kLookAtRefused;
  Result<front::TlsCertificatePtr> fresh = read(pair);
  // Files that changed under our eyes are looked at again by the next round, whatever they said.
  if (stamp_of({files.chain, files.key}) != stamp) {
    pair.stamp.clear();
    return false;
  }
  std::string wrong = fresh ? std::string() : fresh.error().detail;
  if (fresh) {
    const auto verdict = front::judge((*fresh)->not_before(), (*fresh)->not_after(), clock_.wall());
    if (verdict != front::CertificateVerdict::kUse) wrong = front::to_string(verdict);
  }
  if (!wrong.empty()) {
    if (wrong != pair.wrong || !look_again) {
      ++pair.refused;
      log::error("a new certificate is refused; the last good one is kept",
                 {{"path", pair.path}, {"reason", wrong}});
    }
    pair.wrong = std::move(wrong);
    return true;  // the count is shown
  }
  pair.wrong.clear();
  pair.used = *std::move(fresh);
  log::info("certificate read", {{"path", pair.path}, {"until", format_time(pair.used->not_after())}});
  return true;
}

bool TlsKeeper::refresh_client_ca() {
  if (options_.client_ca.empty() || stamp_of({options_.client_ca}) == client_ca_stamp_) return false;
  const std::string before = client_ca_;
  if (const Status read = read_client_ca(); !read) {
    log::error("the authorities of clients cannot be read; the last ones are kept",
               {{"path", options_.client_ca}, {"reason", read.error().detail}});
    return false;
  }
  if (client_ca_ == before) return false;
  front::TlsServerSettings alone;
  alone.certificates = {pairs_.front().used};
  alone.client_ca = client_ca_;
  if (const auto tried = front::TlsServer::make(std::move(alone)); !tried) {
    log::error("the authorities of clients are refused; the last ones are kept",
               {{"path", options_.client_ca}, {"reason", tried.error().detail}});
    client_ca_ = before;
    return false;
  }
  log::info("authorities of clients read", {{"path", options_.client_ca}});
  return true;
}

void TlsKeeper::look() {
  loop_.arm(look_timer_, kLook);
  bool changed = false;
  for (Pair& pair : pairs_) changed = refresh(pair) || changed;
  changed = refresh_client_ca() || changed;
  if (!changed) return;
  if (const Status published = publish(); !published) {
    log::error("new TLS terms are refused", {{"reason", published.error().detail}});
  }
}

void TlsKeeper::renew_keys() {
  tickets_.keys.insert(tickets_.keys.begin(), front::random_ticket_key());
  if (tickets_.keys.size() > kTicketKeys) tickets_.keys.pop_back();
  tickets_.renew_at = loop_.now() + std::chrono::duration_cast<Millis>(session_lifetime_) / 2;
  loop_.arm_at(key_timer_, tickets_.renew_at);
}

Status TlsKeeper::publish() {
  front::TlsServerSettings settings;
  std::vector<CertificateView> views;
  for (const Pair& pair : pairs_) {
    settings.certificates.push_back(pair.used);
    views.push_back({pair.path, pair.used->not_after(), pair.refused});
  }
  settings.client_ca = client_ca_;
  settings.client_required = options_.client_required;
  settings.h2 = true;
  settings.tickets = tickets_.keys;
  settings.ticket_lifetime = session_lifetime_;
  Result<front::TlsServerPtr> terms = front::TlsServer::make(std::move(settings));
  if (!terms) return terms.error();
  publish_(*std::move(terms), std::move(views));
  return {};
}

}  // namespace sidestep::sidecar
