#include "operator/core/analysis_allow.h"

#include "lib/policy/url.h"

namespace sidestep::op {
namespace {

std::optional<Obstacle> refusal_of(const Observed& observed, const std::string& place,
                                   const std::string& address) {
  const auto url = policy::parse_url(address);
  if (url && policy::is_allowed(*url, observed.analysis_allow)) return std::nullopt;
  const std::string server = url ? url->origin() : address;  // a path may be all that keeps strangers away
  return Obstacle{Reason::kAddressNotAllowed, place + ": the operator may not call " + server +
                                                  "; start it with --analysis-allow=" + server +
                                                  ", or name an address that it may call"};
}

}  // namespace

std::optional<Obstacle> address_not_allowed(const Observed& observed) {
  const policy::Analysis& analysis = observed.policy->spec.analysis;
  for (const policy::Metric& metric : analysis.metrics)
    if (auto refused =
            refusal_of(observed, "spec.analysis.metrics[" + metric.name + "].address", metric.address))
      return refused;
  for (const policy::AnalysisWebhook& webhook : analysis.webhooks)
    if (auto refused = refusal_of(observed, "spec.analysis.webhooks[" + webhook.name + "].url", webhook.url))
      return refused;
  return std::nullopt;
}

}  // namespace sidestep::op
