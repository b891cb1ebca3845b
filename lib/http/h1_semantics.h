// What the fields of a head mean for framing, for the connection and for the Host (RFC 9112 3.2, 6, 9).
// Private to lib/http.
#pragma once

#include <string_view>

#include "lib/http/bad_reason.h"
#include "lib/http/message.h"

namespace sidestep::http {

// Fill everything that depends on the fields. REQUIRES: start line and headers are set.
BadReason interpret_request(RequestHead* head);
BadReason interpret_response(Method request, ResponseHead* head);

// A host with an optional port, as in Host and in an absolute-form: a name, an IPv4 or a bracketed IPv6
// address.
BadReason check_authority(std::string_view authority);

}  // namespace sidestep::http
