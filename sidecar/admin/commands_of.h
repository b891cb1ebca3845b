// Bodies of calls → commands for the control thread. Pure.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "sidecar/admin/wire.h"
#include "sidecar/core/command.h"

namespace sidestep::sidecar {

Result<ReloadCommand> reload_command(const wire::ReloadRequest& request);
// `text` is a ReloadPolicy or its spec, JSON or YAML.
Result<PolicyCommand> policy_command(std::string_view text, const std::string& policy_uid);

}  // namespace sidestep::sidecar
