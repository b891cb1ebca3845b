#include "operator/io/analysis_tokens.h"

#include <algorithm>

#include "lib/base/bounded_file.h"

namespace sidestep::op {
namespace {

constexpr const char* kExample = "; write for instance https://prometheus.example=/etc/prometheus/token";

// What may stand in a header (RFC 6750: fewer).
bool is_token_char(char c) { return c > ' ' && c < 0x7f; }

Result<std::string> read_token(const AnalysisToken& from) {
  auto read = read_at_most(from.file, kMostTokenBytes + 1);
  const std::string whose = "the token for " + from.prefix.origin() + from.prefix.target;
  if (!read) return unavailable(whose + " cannot be read from " + from.file);
  std::string text = *std::move(read);
  if (text.size() > kMostTokenBytes)
    return invalid(whose + " is longer than " + std::to_string(kMostTokenBytes) + " bytes in " + from.file);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty()) return unavailable(whose + " is empty in " + from.file);
  if (!std::all_of(text.begin(), text.end(), is_token_char))
    return invalid(whose + " holds blanks or line breaks in " + from.file);
  return text;
}

}  // namespace

Result<AnalysisToken> parse_token_flag(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals + 1 == text.size())
    return invalid(text + " is not ADDRESS=FILE" + kExample);
  auto prefix = policy::parse_url(text.substr(0, equals));
  if (!prefix || prefix->target.find('?') != std::string::npos)
    return invalid(text + ": " + text.substr(0, equals) + " is no URL of a server" + kExample);
  return AnalysisToken{*std::move(prefix), text.substr(equals + 1)};
}

Result<std::vector<AnalysisToken>> parse_token_flags(const std::vector<std::string>& texts) {
  std::vector<AnalysisToken> tokens;
  for (const std::string& text : texts) {
    auto token = parse_token_flag(text);
    if (!token) return token.error();
    if (const auto read = read_token(*token); !read)
      return invalid(text + ": " + read.error().detail + "; name a file that holds the token alone");
    const bool is_known = std::any_of(tokens.begin(), tokens.end(), [&](const AnalysisToken& other) {
      return begins_with(other.prefix, token->prefix) && begins_with(token->prefix, other.prefix);
    });
    if (is_known) return invalid(text + ": the address has a token already; keep one");
    tokens.push_back(*std::move(token));
  }
  if (tokens.size() > kMostTokens)
    return invalid(std::to_string(tokens.size()) + " are too many; give at most " +
                   std::to_string(kMostTokens));
  return tokens;
}

Result<std::string> AnalysisTokens::token_for(const std::string& url) const {
  const auto asked = policy::parse_url(url);
  const AnalysisToken* best = nullptr;
  for (const AnalysisToken& token : tokens_) {
    if (!asked || !begins_with(*asked, token.prefix)) continue;
    if (best == nullptr || begins_with(token.prefix, best->prefix)) best = &token;
  }
  return best == nullptr ? Result<std::string>(std::string()) : read_token(*best);
}

}  // namespace sidestep::op
