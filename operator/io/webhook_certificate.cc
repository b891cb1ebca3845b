#include "operator/io/webhook_certificate.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/front/tls_make.h"
#include "lib/k8s/base64.h"

namespace sidestep::op {
namespace {

using k8s::Json;

constexpr Seconds kDay{86'400};
constexpr Seconds kAuthorityLife = kDay * 3650, kAuthorityLeft = kDay * 365;
constexpr Seconds kServerLife = kDay * 90, kServerLeft = kDay * 30;
constexpr const char* kAuthorityName = "Sidestep webhook";

std::string entry(const CertificateEntries& entries, const char* name) {
  const auto found = entries.find(name);
  return found == entries.end() ? std::string() : found->second;
}

// Null when it cannot be read, or ends before `until`.
front::TlsCertificatePtr good_until(const std::string& chain, const std::string& key, WallTime until) {
  const auto read = front::TlsCertificate::from_pem(chain, key);
  return read && (*read)->not_after() >= until ? *read : nullptr;
}

std::string first_of(const std::string& bundle) {
  const auto all = certificates_in(bundle);
  return all.empty() ? std::string() : all.front();
}

CertificateEntries entries_of(const Json& secret) {
  CertificateEntries entries;
  const Json data = secret.value("data", Json::object());
  for (const auto& [name, value] : data.items()) {
    const auto text = k8s::base64_decode(value.is_string() ? value.get<std::string>() : std::string());
    if (text) entries[name] = *text;
  }
  return entries;
}

// Names in certificates are DNS names; addresses stand apart and are asked for by the first host's name
// alone.
bool covers(const front::TlsCertificate& certificate, const std::vector<std::string>& names) {
  const auto& held = certificate.names();
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const bool is_address = name.find_first_not_of("0123456789.") == name.npos || name.find(':') != name.npos;
    return is_address || std::find(held.begin(), held.end(), name) != held.end();
  });
}

}  // namespace

std::optional<CertificateEntries> renewed(const CertificateEntries& entries,
                                          const std::vector<std::string>& names, WallTime now) {
  CertificateEntries made = entries;
  const std::string old = first_of(entry(entries, "ca.crt"));
  front::CertificatePem authority{old, entry(entries, "ca.key")};
  bool is_changed = false;
  bool signed_by_known = good_until(authority.certificate, authority.key, now) != nullptr;
  if (!good_until(authority.certificate, authority.key, now + kAuthorityLeft)) {
    authority = front::make_authority(kAuthorityName, now, kAuthorityLife);
    made["ca.crt"] = authority.certificate + (signed_by_known ? old : "");
    made["ca.key"] = authority.key;
    is_changed = true;
  }
  const auto server = good_until(entry(entries, "tls.crt"), entry(entries, "tls.key"), now + kServerLeft);
  if (!server || !covers(*server, names) || !signed_by_known) {
    const auto fresh = front::make_server_certificate(authority, names, now, kServerLife);
    if (!fresh) return std::nullopt;  // the authority was read above
    made["tls.crt"] = fresh->certificate;
    made["tls.key"] = fresh->key;
    is_changed = true;
  }
  if (!is_changed) return std::nullopt;
  return made;
}

WebhookCertificate::WebhookCertificate(k8s::Client& client, Names names)
    : client_(client), names_(std::move(names)), bundle_(names_.overlap) {}

front::TlsServerPtr WebhookCertificate::terms() const {
  const std::lock_guard lock(mutex_);
  return terms_;
}

Result<CertificateEntries> WebhookCertificate::renew(const Json* stored, CertificateEntries entries,
                                                     WallTime now) {
  auto made = renewed(entries, names_.hosts, now);
  if (!made) return entries;
  const k8s::ObjectRef ref{{"v1", "secrets"}, names_.name_space, names_.secret};
  Json secret = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"type", "Opaque"},
                 {"metadata", {{"name", names_.secret}, {"namespace", names_.name_space}}},
                 {"data", Json::object()}};
  for (const auto& [name, value] : *made) secret["data"][name] = k8s::base64_encode(value);
  Result<Json> written = unavailable("");
  if (stored == nullptr) {
    written = client_.create({ref.resource, ref.name_space, ""}, secret);
  } else {
    const Json version = stored->value("metadata", Json::object()).value("resourceVersion", "");
    written =
        client_.merge_patch(ref, {{"metadata", {{"resourceVersion", version}}}, {"data", secret["data"]}});
  }
  if (!written) return written.error();
  log::info("made the webhook's certificate", {{"secret", names_.secret}});
  return *std::move(made);
}

Status WebhookCertificate::serve(const CertificateEntries& entries) {
  const std::string chain = entry(entries, "tls.crt");
  if (chain == served_) return {};
  const auto pair = front::TlsCertificate::from_pem(chain, entry(entries, "tls.key"));
  if (!pair) return pair.error();
  front::TlsServerSettings settings;
  settings.certificates = {*pair};
  auto terms = front::TlsServer::make(std::move(settings));
  if (!terms) return terms.error();
  served_ = chain;
  const std::lock_guard lock(mutex_);
  terms_ = *std::move(terms);
  return {};
}

// By server-side apply of the one field, so that who owns the configuration (Helm, GitOps) keeps the others.
Status WebhookCertificate::publish(const std::string& bundle, bool is_leader, WallTime now) {
  const k8s::ObjectRef ref{
      {"admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"}, "", names_.configuration};
  const auto found = client_.get(ref);
  if (!found && found.error().kind == ErrorKind::kNotFound) {  // injection is not installed
    bundle_.saw_none(bundle);
    return {};
  }
  if (!found) return found.error();
  const Json listed = found->value("webhooks", Json::array());
  std::vector<std::string> present;
  for (const Json& webhook : listed) {
    const auto text = k8s::base64_decode(webhook.value("clientConfig", Json::object()).value("caBundle", ""));
    present.push_back(text ? *text : std::string());
  }
  bundle_.saw(bundle, present, now);
  if (!is_leader) return {};
  const std::string wanted = bundle_.wanted(bundle, present, now);
  if (std::all_of(present.begin(), present.end(), [&](const auto& each) { return each == wanted; }))
    return {};
  Json webhooks = Json::array();
  for (const Json& webhook : listed)
    webhooks.push_back(
        {{"name", webhook.value("name", "")}, {"clientConfig", {{"caBundle", k8s::base64_encode(wanted)}}}});
  const Json version = found->value("metadata", Json::object()).value("resourceVersion", "");
  const auto written =
      client_.apply(ref, {{"apiVersion", "admissionregistration.k8s.io/v1"},
                          {"kind", "MutatingWebhookConfiguration"},
                          {"metadata", {{"name", names_.configuration}, {"resourceVersion", version}}},
                          {"webhooks", webhooks}});
  if (!written) return written.error();
  bundle_.saw(bundle, {wanted}, now);
  log::info("told the API server the webhook's authority", {{"configuration", names_.configuration}});
  return {};
}

Status WebhookCertificate::refresh(bool is_leader, WallTime now) {
  const auto stored = client_.get({{"v1", "secrets"}, names_.name_space, names_.secret});
  if (!stored && stored.error().kind != ErrorKind::kNotFound) return stored.error();
  CertificateEntries entries = stored ? entries_of(*stored) : CertificateEntries{};
  if (is_leader || !stored) {  // whoever is first makes it: a leader of an earlier version makes none
    auto kept = renew(stored ? &*stored : nullptr, std::move(entries), now);
    if (!kept) return kept.error();
    entries = *std::move(kept);
  }
  if (entries.empty()) return {};  // the leader has not made it yet
  const std::string bundle = entry(entries, "ca.crt");
  const Status told = publish(bundle, is_leader, now);
  if (served_.empty() || bundle_.is_known(bundle, now))
    if (const Status served = serve(entries); !served) return served;
  return told;
}

}  // namespace sidestep::op
