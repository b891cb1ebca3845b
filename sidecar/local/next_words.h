// The arguments of the worker that replaces another: those of the present one, with options exchanged. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/core/command.h"

namespace sidestep::sidecar {

// Each option of `options` ("--listen\x1f:8081\x1f--shards=2") takes the place of every one of its name in
// `words`, before the app's command. The error names the word that is none of the options of `sidestep run`,
// or is one that only the start of the proxy can set.
Result<std::vector<std::string>> next_words(const std::vector<std::string>& words, std::string_view options);

}  // namespace sidestep::sidecar
