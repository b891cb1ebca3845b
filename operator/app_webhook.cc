#include "operator/app_webhook.h"

#include "lib/base/log.h"
#include "lib/k8s/pause.h"
#include "operator/app_pages.h"

namespace sidestep::op {
namespace {

// A pod may have 256 KiB (lib/policy/document.h). Whoever reaches the port may send: all connections together
// stay within the pod's memory.
constexpr std::size_t kMostReviewBytes = std::size_t{512} << 10;

// Every replica has looked by then, even if the API server was away for some of them.
constexpr int kOverlapLooks = 10;

std::vector<std::string> hosts_of(const WebhookOptions& options, const std::string& name_space) {
  std::vector<std::string> hosts{options.service + "." + name_space + ".svc"};
  if (!options.host.empty()) hosts.push_back(options.host);
  return hosts;
}

bool has_labels(const std::map<std::string, std::string>& labels,
                const std::vector<std::pair<std::string, std::string>>& wanted) {
  for (const auto& [name, value] : wanted) {
    const auto found = labels.find(name);
    if (found == labels.end() || found->second != value) return false;
  }
  return !wanted.empty();
}

}  // namespace

Webhook::Webhook(const WebhookOptions& options, const std::string& name_space, k8s::Client& client,
                 const World& world, const Clock& clock, std::function<bool()> is_leader)
    : options_(options),
      world_(world),
      clock_(clock),
      is_leader_(std::move(is_leader)),
      certificate_(client, {name_space, options.secret, options.configuration, hosts_of(options, name_space),
                            options.check * kOverlapLooks}),
      door_(settings()) {}

front::Settings Webhook::settings() {
  front::Settings settings;
  settings.limits.max_body_bytes = kMostReviewBytes;
  settings.limits.max_connections = options_.max_connections;
  settings.limits.max_per_source = options_.max_per_source;
  settings.tls = [this] { return certificate_.terms(); };
  settings.answer_here = [this](const front::Request& request, const front::Principal&) {
    front::Reply reply = answer(request);
    const std::lock_guard lock(mutex_);
    ++requests_[reply.status];
    return reply;
  };
  return settings;
}

std::map<int, std::uint64_t> Webhook::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

Status Webhook::listen() {
  if (const Status bound = listen_at(door_, "--webhook-listen", options_.listen); !bound) return bound;
  door_.start();
  return {};
}

front::Reply Webhook::answer(const front::Request& request) {
  const auto text = [](int status, std::string body) {
    return front::Reply{status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
  };
  if (request.target.substr(0, request.target.find('?')) != "/inject") return text(404, "there is /inject\n");
  if (request.method != "POST") return text(405, "/inject takes POST\n");
  const auto review = answer_review(request.body, options_.sidecar_image,
                                    [this](const PodOrigin& origin) { return policy_of(origin); });
  if (!review) return text(400, review.error().detail + "\n");
  return {200, {{"Content-Type", "application/json"}}, *review};
}

// Of several the oldest wins, as for a running pod.
std::optional<FoundPolicy> Webhook::policy_of(const PodOrigin& origin) const {
  std::shared_ptr<const PolicyEntry> oldest;
  for (const auto& entry : world_.policies(origin.name_space + "/")) {
    const policy::PolicySpec& spec = entry->object.spec;
    const bool is_named =
        spec.target_ref && spec.target_ref->kind == origin.kind && spec.target_ref->name == origin.name;
    if (!entry->object.spec_error.empty() || (!is_named && !has_labels(origin.labels, spec.selector)))
      continue;
    if (!oldest || entry->object.meta.creation_time < oldest->object.meta.creation_time) oldest = entry;
  }
  if (!oldest) return std::nullopt;
  return FoundPolicy{oldest->object.meta.name, oldest->object.spec};
}

void Webhook::run(const std::stop_token& stop) {
  std::string said;
  while (!stop.stop_requested()) {
    const Status done = certificate_.refresh(is_leader_(), clock_.wall());
    const std::string wrong = done ? "" : done.error().detail;
    if (!wrong.empty() && wrong != said)
      log::warn("cannot look after the webhook's certificate", {{"error", wrong}});
    said = wrong;
    const bool is_soon = certificate_.terms() == nullptr || !wrong.empty();
    k8s::pause_for(is_soon ? std::min(options_.check, Millis{2'000}) : options_.check, stop);
  }
}

std::string Webhook::why_not_ready() const {
  return is_wanted() && certificate_.terms() == nullptr ? "the webhook has no certificate yet" : "";
}

}  // namespace sidestep::op
