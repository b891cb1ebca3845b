#include "sidecar/io/certificate_pair.h"

#include <sys/stat.h>

#include "lib/base/log.h"
#include "sidecar/io/small_file.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLookAtRefused{60'000};  // one that is not valid yet becomes so without a change

}  // namespace

CertificatePair::Files CertificatePair::files() const {
  struct stat status {};
  const bool folder = ::stat(path_.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return folder ? Files{path_ + "/tls.crt", path_ + "/tls.key"} : Files{path_, path_};
}

Result<front::TlsCertificatePtr> CertificatePair::read() const {
  const Files from = files();
  Result<std::string> chain = read_small_file(from.chain);
  if (!chain) return chain.error();
  Result<std::string> key = read_small_file(from.key);
  if (!key) return key.error();
  Result<front::TlsCertificatePtr> certificate = front::TlsCertificate::from_pem(*chain, *key);
  if (!certificate) return certificate;
  if (const Status taken = check_(*certificate); !taken) return taken.error();
  return certificate;
}

Status CertificatePair::start(WallTime wall) {
  stamp_ = stamp_of({files().chain, files().key});
  Result<front::TlsCertificatePtr> certificate = read();
  if (!certificate) {
    Error error = certificate.error();
    error.detail = path_ + ": " + error.detail;
    return error;
  }
  used_ = *std::move(certificate);
  const auto verdict = front::judge(used_->not_before(), used_->not_after(), wall);
  if (verdict != front::CertificateVerdict::kUse) {
    log::error("a certificate that " + std::string(judges_) + " will not accept is used, as there is no other",
               {{"path", path_}, {"reason", front::to_string(verdict)}});
  }
  return {};
}

bool CertificatePair::refresh(TimePoint now, WallTime wall) {
  const Files from = files();
  const std::string stamp = stamp_of({from.chain, from.key});
  const bool look_again = !wrong_.empty() && now >= look_again_;
  if (stamp == stamp_ && !look_again) return false;
  stamp_ = stamp;
  look_again_ = now + kLookAtRefused;
  Result<front::TlsCertificatePtr> fresh = read();
  // Files that changed under our eyes are looked at again by the next round, whatever they said.
  if (stamp_of({from.chain, from.key}) != stamp) {
    stamp_.clear();
    return false;
  }
  std::string wrong = fresh ? std::string() : fresh.error().detail;
  if (fresh) {
    const auto verdict = front::judge((*fresh)->not_before(), (*fresh)->not_after(), wall);
    if (verdict != front::CertificateVerdict::kUse) wrong = front::to_string(verdict);
  }
  if (!wrong.empty()) {
    if (wrong != wrong_ || !look_again) {
      ++refused_;
      log::error("a new certificate is refused; the last good one is kept",
                 {{"path", path_}, {"reason", wrong}});
    }
    wrong_ = std::move(wrong);
    return true;  // the count is shown
  }
  wrong_.clear();
  used_ = *std::move(fresh);
  log::info("certificate read", {{"path", path_}, {"until", format_time(used_->not_after())}});
  return true;
}

}  // namespace sidestep::sidecar
