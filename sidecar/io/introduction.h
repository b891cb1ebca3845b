// The PROXY header with which a connection to the app begins: whose client's connection it goes on with.
//
// Made once for each client's connection; who sends it, and on which connection, is AppConn's and AppPool's.
// Pure, but for addresses_of(). Any thread.
#pragma once

#include <sys/socket.h>

#include <string>

#include "lib/http/proxy_header.h"
#include "sidecar/config/options.h"
#include "sidecar/io/client_conn.h"

namespace sidestep::sidecar {

PeerAddress peer_of(const sockaddr_storage& address);

// Without addresses: UNKNOWN (version 1) or LOCAL (version 2). Empty when `version` is kOff.
std::string introduction_of(AppProxyProtocol version, const http::ProxyHeader& header);

// From `peer` to the address by which it came, which the kernel is asked for. No addresses for whoever came
// by a Unix socket.
http::ProxyHeader addresses_of(int fd, const PeerAddress& peer);

}  // namespace sidestep::sidecar
