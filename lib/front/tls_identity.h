// Who a client is, by its certificate, in the form that Envoy gives to X-Forwarded-Client-Cert:
//
//   Hash=<SHA-256 of the certificate, hex>;Subject="<RFC 2253>";URI=<…>;DNS=<…>
//
// URI and DNS once for each of these alternative names. Values with ',', ';', '=' or '"' stand in quotes,
// with a backslash before '"' and '\'. Private to lib/front. Pure.
#pragma once

#include <string>

#include "lib/base/result.h"

struct x509_st;

namespace sidestep::front {

// kRefused when a value holds what no field may hold, or when all together are longer than 4 KiB: an identity
// is passed on whole or not at all.
Result<std::string> client_identity(x509_st* certificate);

}  // namespace sidestep::front
