#include "lib/policy/url.h"

#include <algorithm>
#include <charconv>

namespace sidestep::policy {
namespace {

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    const auto inner = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    };
    return host.size() > 3 && host.ends_with(']') && std::all_of(host.begin() + 1, host.end() - 1, inner);
  }
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), is_host_char);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// "host", "host:port", "[::1]:port". False: neither.
bool read_authority(std::string_view text, Url& out) {
  const auto colon = text.rfind(':');
  const bool has_port = colon != text.npos && text.find(']', colon) == text.npos;
  out.host = lower_case(text.substr(0, has_port ? colon : text.npos));
  if (!is_host(out.host)) return false;
  if (!has_port) return true;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  return error == std::errc{} && end == digits.data() + digits.size() && out.port > 0 && out.port < 65'536;
}

// What a path may not hold: '.' and '..' as folders, so that a prefix stays one after any server's reading,
// and escapes of '.', '/' and '\', which some servers read as these.
bool is_plain_path(std::string_view path) {
  const std::string low = lower_case(path);
  for (const char* odd : {"/./", "/../", "%2e", "%2f", "%5c", "\\", "//"})
    if (low.find(odd) != low.npos) return false;
  return !low.ends_with("/.") && !low.ends_with("/..");
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// "/a" is the begin of "/a" and of "/a/b", not of "/ab".
bool is_within(std::string_view path, std::string_view folder) {
  while (folder.ends_with('/')) folder.remove_suffix(1);
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

bool begins_with(const Url& url, const Url& prefix) {
  return url.origin() == prefix.origin() && is_within(path_of(url.target), path_of(prefix.target));
}

namespace {

bool allows(const std::string& entry, const Url& url) {
  if (entry.find("://") != entry.npos) {
    const auto whole = parse_url(entry);
    return whole && begins_with(url, *whole);
  }
  Url only;
  if (!read_authority(entry, only)) return false;
  return only.host == url.host && (only.port == 0 || only.port == url.port);
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  const auto odd = [](char c) {
    return c <= ' ' || c >= 0x7f || c == '#' || c == '@' || c == '\\' || c == '"';
  };
  if (std::any_of(text.begin(), text.end(), odd)) return std::nullopt;
  Url url;
  const auto colon = text.find("://");
  if (colon == text.npos) return std::nullopt;
  url.scheme = lower_case(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  const std::string_view rest = text.substr(colon + 3);
  const auto end = std::min(rest.find('/'), rest.find('?'));
  if (!read_authority(rest.substr(0, end), url)) return std::nullopt;
  if (url.port == 0) url.port = url.scheme == "http" ? 80 : 443;
  if (end == rest.npos) return url;
  url.target = (rest[end] == '?' ? "/" : "") + std::string(rest.substr(end));
  if (!is_plain_path(path_of(url.target))) return std::nullopt;
  return url;
}

bool is_allowed(const Url& url, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& entry) { return allows(entry, url); });
}

bool is_allow_entry(std::string_view entry) {
  Url only;
  return entry.find("://") != entry.npos ? parse_url(entry).has_value() : read_authority(entry, only);
}

}  // namespace sidestep::policy
