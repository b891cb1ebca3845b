// Between the door and the local server: a clean request and its principal → the bytes of one fresh request;
// the bytes of the server's answer → an answer for the client. Both are written anew, nothing is passed
// through. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/front/intake.h"
#include "lib/front/settings.h"

namespace sidestep::front {

std::string handover_request(const Request& request, const Principal& principal,
                             const std::string& door_token);

// `bytes` are all that the server sent until it closed. None: not one whole, well-formed answer.
std::optional<std::string> answer_for_client(std::string_view bytes, const Request& request, bool close);

std::string reply_for_client(const Reply& reply, const Request& request, bool close);

}  // namespace sidestep::front
