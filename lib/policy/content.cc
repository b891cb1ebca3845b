#include "lib/policy/content.h"

#include <algorithm>

#include "lib/policy/signature.h"

namespace sidestep::policy {

Digests counted(const Source& source, const Digests& digests) {
  Digests kept;
  for (const auto& [key, digest] : digests) {
    if (source.counts(key)) kept.emplace(key, digest);
  }
  return kept;
}

std::string content_hash(std::vector<SourceContent> contents) {
  std::sort(contents.begin(), contents.end(),
            [](const SourceContent& a, const SourceContent& b) { return a.source < b.source; });
  std::string text;  // names and keys hold neither blanks nor newlines
  for (const SourceContent& content : contents) {
    text += content.source + "\n";
    for (const auto& [key, digest] : content.digests) text += key + " " + digest + "\n";
  }
  return "v1:sha256:" + sha256_hex(text);
}

}  // namespace sidestep::policy
