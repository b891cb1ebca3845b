// Base64 of RFC 4648 section 4, as Secrets and kubeconfig files carry it.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sidestep::k8s {

std::string base64_encode(std::string_view bytes);

// Line ends and blanks are skipped; anything else outside the alphabet, or a wrong length, is an error.
Result<std::string> base64_decode(std::string_view text);

}  // namespace sidestep::k8s
