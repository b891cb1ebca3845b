// SHA-256 (FIPS 180-4), small and portable: the launcher links nothing but libc and libstdc++. Not for
// secrets that must resist timing; it names configuration snapshots.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sidestep::launch {

class Sha256 {
 public:
  void update(std::string_view bytes);
  // 64 hex digits. REQUIRES: called once, last.
  std::string finish_hex();

 private:
  void block(const unsigned char* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace sidestep::launch
