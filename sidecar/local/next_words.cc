#include "sidecar/local/next_words.h"

#include <algorithm>
#include <set>

#include "sidecar/config/option_table.h"

namespace sidestep::sidecar {

namespace {

constexpr std::size_t kBeforeOptions = 3;  // sidestep worker run

std::string flag_of(const std::string& word) { return word.substr(0, word.find('=')); }

// Read by the parent at its start: what only the next worker would know of has no effect, or half of one.
bool is_of_parent(const std::string& flag) {
  static const std::set<std::string> kOfParent = {"--upgrade-binary", "--upgrade-timeout",
                                                  "--upgrade-drain-timeout", "--upgrade-max-old"};
  return kOfParent.contains(flag);
}

// How many words the option at `word` takes; 0: it is none.
std::size_t words_of(const std::string& word) {
  const OptionRow* row = find_flag(flag_of(word));
  if (row == nullptr) return 0;
  return row->argument.empty() || word.find('=') != std::string::npos ? 1 : 2;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(kWordEnd, from), text.size());
    words.emplace_back(text.substr(from, end - from));
    from = end + 1;
  }
  return words;
}

}  // namespace

Result<std::vector<std::string>> next_words(const std::vector<std::string>& words, std::string_view options) {
  const std::vector<std::string> added = split(options);
  std::set<std::string> exchanged;
  for (std::size_t i = 0; i < added.size();) {
    const std::size_t count = words_of(added[i]);
    if (count == 0)
      return invalid("upgrade: \"" + added[i] + "\" is no option of `sidestep run` or `sidestep proxy`");
    if (is_of_parent(flag_of(added[i])))
      return invalid("upgrade: " + flag_of(added[i]) +
                     " cannot be exchanged by an upgrade, the parent process reads it: start the proxy anew "
                     "with it");
    if (i + count > added.size()) return invalid("upgrade: " + added[i] + " needs a value");
    exchanged.insert(flag_of(added[i]));
    i += count;
  }
  std::vector<std::string> next(
      words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(kBeforeOptions, words.size())));
  std::size_t i = next.size();
  while (i < words.size() && words[i] != "--") {
    const std::size_t count = std::min(std::max<std::size_t>(words_of(words[i]), 1), words.size() - i);
    if (!exchanged.contains(flag_of(words[i])))
      next.insert(next.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                  words.begin() + static_cast<std::ptrdiff_t>(i + count));
    i += count;
  }
  next.insert(next.end(), added.begin(), added.end());
  next.insert(next.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
  return next;
}

}  // namespace sidestep::sidecar
