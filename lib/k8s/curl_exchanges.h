// Exchanges over libcurl, with the endpoint's credentials and bounds as in curl_transport.h.
#pragma once

#include <memory>

#include "lib/k8s/curl_transport.h"
#include "lib/k8s/exchanges.h"

namespace sidestep::k8s {

std::unique_ptr<Exchanges> make_curl_exchanges(Endpoint endpoint, const Clock& clock);

}  // namespace sidestep::k8s
