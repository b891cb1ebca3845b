#include "sidecar/cli/client.h"

#include <httplib.h>
#include <sys/socket.h>

namespace sidestep::sidecar::cli {
namespace {

// The socket's path would be no valid Host.
const httplib::Headers& headers() {
  static const httplib::Headers kHeaders{{"Host", "localhost"}};
  return kHeaders;
}

httplib::Client connect(const std::string& path, Millis patience) {
  httplib::Client client(path, 80);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(2, 0);
  client.set_read_timeout(patience);
  client.set_write_timeout(2, 0);
  return client;
}

Result<Answer> answer_of(const httplib::Result& result, const std::string& path) {
  if (result) return Answer{result->status, result->body, result->get_header_value("Retry-After") == "0"};
  return unavailable("the control socket " + path + " does not answer (" +
                     httplib::to_string(result.error()) + "); is that sidestep running?");
}

}  // namespace

Result<Answer> Client::get(const std::string& target, Millis patience) const {
  httplib::Client client = connect(socket_path_, patience);
  return answer_of(client.Get(target, headers()), socket_path_);
}

Result<Answer> Client::post(const std::string& target, const std::string& body, Millis patience) const {
  httplib::Client client = connect(socket_path_, patience);
  return answer_of(client.Post(target, headers(), body, "application/json"), socket_path_);
}

}  // namespace sidestep::sidecar::cli
