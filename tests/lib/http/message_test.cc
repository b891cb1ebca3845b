// Names of methods and fields.
#include "lib/http/message.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "lib/http/chars.h"

namespace sidestep::http {
namespace {

const std::map<std::string_view, HeaderId> kKnown = {
    {"connection", HeaderId::kConnection},
    {"content-length", HeaderId::kContentLength},
    {"cookie", HeaderId::kCookie},
    {"expect", HeaderId::kExpect},
    {"forwarded", HeaderId::kForwarded},
    {"host", HeaderId::kHost},
    {"http2-settings", HeaderId::kHttp2Settings},
    {"keep-alive", HeaderId::kKeepAlive},
    {"proxy-connection", HeaderId::kProxyConnection},
    {"sidestep-generation", HeaderId::kSidestepGeneration},
    {"te", HeaderId::kTe},
    {"trailer", HeaderId::kTrailer},
    {"transfer-encoding", HeaderId::kTransferEncoding},
    {"upgrade", HeaderId::kUpgrade},
    {"x-forwarded-for", HeaderId::kXForwardedFor},
    {"x-forwarded-host", HeaderId::kXForwardedHost},
    {"x-forwarded-port", HeaderId::kXForwardedPort},
    {"x-forwarded-prefix", HeaderId::kXForwardedOther},
    {"x-forwarded-proto", HeaderId::kXForwardedProto},
    {"x-real-ip", HeaderId::kXRealIp},
};

TEST(HeaderIds, AreFoundInAnyCase) {
  for (const auto& [name, id] : kKnown) {
    std::string upper(name);
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(header_id_of(name), id) << name;
    EXPECT_EQ(header_id_of(upper), id) << upper;
  }
}

TEST(HeaderIds, OneOtherCharacterIsAnotherField) {
  for (const auto& [name, id] : kKnown) {
    if (id == HeaderId::kXForwardedOther) continue;
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int c = 1; c < 256; ++c) {
        std::string changed(name);
        changed[at] = static_cast<char>(c);
        const bool same = equals_ignoring_case(changed, name);
        if (!chars::all(changed, chars::kToken)) continue;
        EXPECT_EQ(header_id_of(changed) == id, same) << changed;
      }
    }
    EXPECT_NE(header_id_of(std::string(name) + "x"), id);
    EXPECT_NE(header_id_of(name.substr(1)), id);
  }
}

TEST(Methods, AreCaseSensitive) {
  EXPECT_EQ(method_of("GET"), Method::kGet);
  EXPECT_EQ(method_of("Get"), Method::kOther);
  EXPECT_EQ(method_of("OPTIONS"), Method::kOptions);
  EXPECT_EQ(method_of(""), Method::kOther);
}

TEST(Methods, OnlyThoseOfTheStandardAreIdempotent) {
  for (const std::string_view text : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    EXPECT_TRUE(is_idempotent(method_of(text))) << text;
  }
  for (const std::string_view text : {"POST", "PATCH", "CONNECT", "PURGE"}) {
    EXPECT_FALSE(is_idempotent(method_of(text))) << text;
  }
}

TEST(Lists, ElementsComeWithoutSpaceAndWithoutEmptyOnes) {
  std::string seen;
  for_each_element(" a ,,\tb c, ", [&seen](std::string_view element) { seen.append(element).append("|"); });
  EXPECT_EQ(seen, "a|b c|");
}

TEST(Chars, ControlCharactersAreFoundAtEveryPlace) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t place = 0; place < 2 * size; ++place) {
      const std::size_t at = place / 2;
      for (int c = 0; c < 256; ++c) {
        std::string text(size, place % 2 == 0 ? 'a' : '\t');
        text[at] = static_cast<char>(c);
        const bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
        const char* end = text.data() + size;
        ASSERT_EQ(chars::find_control(text.data(), end), is_control ? text.data() + at : end)
            << size << " " << at;
      }
    }
  }
}

}  // namespace
}  // namespace sidestep::http
