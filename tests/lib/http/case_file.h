// Reads tests/http_cases/*.md: each "## title" begins a case, with an `in` block of raw bytes and an `out`
// block of what is expected. A line end in an `in` block is CR LF; a backslash at its end joins the next line
// without one; \r \n \t \0 \xHH and \\ are as in C. The block's words after `in` say what the bytes are.
#pragma once

#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sidestep::http::cases {

struct Case {
  std::string where;  // file:line, for failures
  std::string title;
  std::string kind;  // "request", "response to HEAD", …
  std::string in;    // raw bytes
  std::string out;   // expected lines
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.where << ": " << c.title; }

inline char hex_pair(std::string_view digits) {
  return static_cast<char>(std::stoi(std::string(digits), nullptr, 16));
}

inline std::string unescape(std::string_view line, const std::string& where) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out += line[i];
      continue;
    }
    if (++i == line.size()) return out;  // joined to the next line
    switch (line[i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case '\\':
        out += '\\';
        break;
      case 'x':
        out += hex_pair(line.substr(i + 1, 2)), i += 2;
        break;
      default:
        throw std::runtime_error(where + ": unknown escape \\" + line[i]);
    }
  }
  return out + "\r\n";
}

// What a log shows of raw bytes, on one line.
inline std::string escape(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\r')
      out += "\\r";
    else if (c == '\n')
      out += "\\n";
    else if (u < 0x20 || u > 0x7e)
      out.append("\\x").append({digits[u >> 4], digits[u & 15]});
    else
      out += c;
  }
  return out;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : name_(file.filename().string()), in_(file) {}

  std::vector<Case> read() {
    std::string line;
    while (next(line)) {
      if (line.starts_with("## "))
        cases_.push_back({where(), line.substr(3), "", "", ""});
      else if (line.starts_with("```in "))
        current().kind = line.substr(6), read_in();
      else if (line == "```out")
        read_out();
      else if (line.starts_with("```"))
        throw std::runtime_error(where() + ": a block is `in KIND` or `out`");
    }
    return std::move(cases_);
  }

 private:
  std::string where() const { return name_ + ":" + std::to_string(line_); }
  Case& current() {
    if (cases_.empty()) throw std::runtime_error(where() + ": a block before the first case");
    return cases_.back();
  }
  bool next(std::string& line) { return ++line_, static_cast<bool>(std::getline(in_, line)); }
  void read_in() {
    std::string line;
    while (next(line) && line != "```") current().in += unescape(line, where());
  }
  void read_out() {
    std::string line;
    while (next(line) && line != "```") current().out += line + "\n";
  }

  std::string name_;
  std::ifstream in_;
  int line_ = 0;
  std::vector<Case> cases_;
};

inline std::vector<Case> read_folder(const std::filesystem::path& folder) {
  std::vector<Case> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".md" || entry.path().filename() == "README.md") continue;
    for (Case& c : Reader(entry.path()).read()) all.push_back(std::move(c));
  }
  return all;
}

}  // namespace sidestep::http::cases
