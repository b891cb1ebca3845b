// Bearer tokens for Prometheus servers that ask for one: which server gets which, and what the file holds
// now.
//
// Whoever may write a policy chooses among the allowed addresses and must not get hold of a token by that. So
// tokens belong to addresses, by flags of the operator (--analysis-token-file): one goes to a URL that begins
// with its own, as parsed (never to https://prom.example.evil for https://prom.example, never without TLS for
// https). Redirects are not followed. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/policy/url.h"

namespace sidestep::op {

inline constexpr std::size_t kMostTokens = 16;
inline constexpr std::size_t kMostTokenBytes = 16u << 10;

struct AnalysisToken {
  policy::Url prefix;
  std::string file;
};

// "https://prometheus.example=/etc/token". The error says what is wrong with it and how to write it.
Result<AnalysisToken> parse_token_flag(const std::string& text);

// All of them: at most kMostTokens, each of another prefix, each file readable now.
Result<std::vector<AnalysisToken>> parse_token_flags(const std::vector<std::string>& texts);

class AnalysisTokens {
 public:
  AnalysisTokens() = default;
  explicit AnalysisTokens(std::vector<AnalysisToken> tokens) : tokens_(std::move(tokens)) {}

  // What goes to this URL, read anew from its file: a token may be exchanged at any time. "" when it gets
  // none; of several whose prefix fits, that of the longest. Error: there should be one and it cannot be
  // read.
  Result<std::string> token_for(const std::string& url) const;

 private:
  std::vector<AnalysisToken> tokens_;
};

}  // namespace sidestep::op
