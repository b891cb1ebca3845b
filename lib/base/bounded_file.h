// Files that somebody else writes, and that may be longer than they should be.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace sidestep {

// The first `most` bytes; ask for one more than may be there to see that a file is too long. Nothing when it
// cannot be opened or read.
std::optional<std::string> read_at_most(const std::filesystem::path& path, std::size_t most);

}  // namespace sidestep
