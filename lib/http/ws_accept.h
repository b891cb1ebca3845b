// Sec-WebSocket-Accept of a key (RFC 6455 4.2.2): what an HTTP/1 client expects when the app's side of its
// WebSocket is HTTP/2, where there is none (RFC 8441 5.1). Pure.
#pragma once

#include <string>
#include <string_view>

namespace sidestep::http {

std::string websocket_accept(std::string_view key);

}  // namespace sidestep::http
