// The sidecar's status (docs/contracts.md, "Control API") as the operator's decisions see it. Pure. Unknown
// fields are ignored and missing ones have their zero value, since a sidecar may be one minor version older
// or newer.
#pragma once

#include <string_view>

#include "lib/base/result.h"
#include "operator/core/observed.h"

namespace sidestep::op {

Result<SidecarStatus> sidecar_status_from_text(std::string_view text);

// `error.kind` and `error.message` of a refusal's body; the body itself as the message when it is something
// else.
struct SidecarError {
  std::string kind;
  std::string message;
};
SidecarError sidecar_error_from_text(std::string_view text);

}  // namespace sidestep::op
