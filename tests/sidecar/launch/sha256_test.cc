// Vectors of FIPS 180-4 and of NIST's example files.
#include "sidecar/launch/sha256.h"

#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish_hex();
}

TEST(Sha256Test, TheEmptyMessage) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, OneBlock) {
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, TwoBlocks) {
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256Test, AMillionLetters) {
  EXPECT_EQ(hash_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesOfAnySizeGiveTheSame) {
  const std::string text(200, 'x');
  for (std::size_t size = 1; size < 130; ++size) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += size)
      hash.update(std::string_view(text).substr(at, size));
    EXPECT_EQ(hash.finish_hex(), hash_of(text)) << size;
  }
}

}  // namespace
}  // namespace sidestep::launch
