// Decides which of several certificates answers for the name that a client asks for (SNI, RFC 6066 3): an
// exact name, else a wildcard for exactly one label (RFC 9525 6.3), else none. Pure. Any thread once filled.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sidestep::front {

class ServerNames {
 public:
  // "example.com" or "*.example.com", in any case. Of two certificates with the same name the first one
  // counts; other wildcards ("a*.example.com", "*") stand for nothing.
  void add(std::string_view name, std::size_t certificate);
  // Without regard to case and to a dot at the end.
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  std::map<std::string, std::size_t, std::less<>> exact_;
  std::map<std::string, std::size_t, std::less<>> wildcards_;  // by what follows the "*"
};

}  // namespace sidestep::front
