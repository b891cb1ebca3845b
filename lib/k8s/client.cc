#include "lib/k8s/client.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "lib/base/utf8.h"
#include "lib/k8s/json_fields.h"

namespace sidestep::k8s {
namespace {

constexpr const char* kMetadataOnlyList =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
constexpr const char* kMetadataOnly =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
constexpr std::size_t kMaxBody = 64u << 20;
constexpr std::int64_t kLongestRetryAfter = 86'400;  // seconds; nobody waits for as long

// Drops what no reader of ours looks at while the text is being parsed, so that it never takes memory.
bool keep_field(int, Json::parse_event_t event, Json& parsed) {
  return event != Json::parse_event_t::key || parsed != "managedFields";
}

Result<Json> parse(const std::string& text, const std::string& what) {
  Json value = Json::parse(text, &keep_field, false);
  if (value.is_object()) return value;
  return Error{ErrorKind::kProtocol, Fault::kCluster, Retry::kLater, what + ": the answer is no JSON object"};
}

// Gives each item away as soon as it was read, and returns the rest: one item at a time is in memory as a
// tree.
Result<Json> parse_list(const std::string& text, const std::string& what,
                        const std::function<void(Json&&)>& each) {
  bool in_items = false;
  const auto take = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth == 1 && event == Json::parse_event_t::key) in_items = parsed == "items";
    if (!in_items || depth != 2 || event != Json::parse_event_t::object_end)
      return keep_field(depth, event, parsed);
    each(std::move(parsed));
    return false;
  };
  Json rest = Json::parse(text, take, false);
  if (is_list(rest)) return rest;
  return Error{ErrorKind::kProtocol, Fault::kCluster, Retry::kLater, what + ": the answer is not a list"};
}

std::string selector_query(const ListOptions& options) {
  std::string query;
  if (!options.label_selector.empty()) query += "&labelSelector=" + url_encode(options.label_selector);
  if (!options.field_selector.empty()) query += "&fieldSelector=" + url_encode(options.field_selector);
  return query;
}

std::optional<Millis> retry_after(const Response& response) {
  const auto value = header(response, "retry-after");
  if (!value || (response.status != 429 && response.status != 503)) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc{} || end != value->data() + value->size() || seconds < 0) return std::nullopt;
  return Millis(std::min(seconds, kLongestRetryAfter) * 1000);
}

// Whoever answers in the server's place may answer anything.
std::string reason_in(const std::string& body) {
  const std::string message = text_field(Json::parse(body, nullptr, false), "message");
  return message.empty() ? clip(body, 200) : message;
}

// What one string of it should not be UTF-8 is replaced: nobody up there must fall over it.
std::string text_of(const Json& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace); }

// To create something, and 409: it exists already, unless the server says that it lost a race of its own, as
// over the ResourceQuota of the namespace. Then nothing was made.
bool lost_a_race(const Request& request, const Response& response) {
  return request.method == "POST" && response.status == 409 &&
         text_field(Json::parse(response.body, nullptr, false), "reason") == "Conflict";
}

}  // namespace

std::string target_of(const ObjectRef& ref) {
  const bool is_core = ref.resource.group_version.find('/') == std::string::npos;
  std::string target = (is_core ? "/api/" : "/apis/") + ref.resource.group_version;
  if (!ref.name_space.empty()) target += "/namespaces/" + url_encode(ref.name_space);
  target += "/" + ref.resource.plural;
  if (!ref.name.empty()) target += "/" + url_encode(ref.name);
  if (!ref.subresource.empty()) target += "/" + ref.subresource;
  return target;
}

std::string to_string(const ObjectRef& ref) {
  std::string text = ref.resource.plural;
  if (!ref.subresource.empty()) text += "/" + ref.subresource;
  if (ref.name_space.empty() && ref.name.empty()) return text;
  text += " " + ref.name_space;
  if (!ref.name.empty()) text += (ref.name_space.empty() ? "" : "/") + ref.name;
  return text;
}

bool is_list(const Json& answer) {
  if (!answer.is_object() || !answer.contains("metadata") || !answer.contains("items")) return false;
  return answer["items"].is_array() || answer["items"].is_null();
}

Error error_of(const Response& response, const std::string& what) {
  const std::string detail = what + ": " + std::to_string(response.status) + ": " + reason_in(response.body);
  const auto error = [&](ErrorKind kind, Retry retry) { return Error{kind, Fault::kCluster, retry, detail}; };
  switch (response.status) {
    case 400:
    case 422:
      return error(ErrorKind::kInvalid, Retry::kNever);
    case 401:
    case 403:
      return error(ErrorKind::kRefused, Retry::kNever);
    case 404:
      return error(ErrorKind::kNotFound, Retry::kNever);
    case 409:
      return error(ErrorKind::kConflict, Retry::kSafe);
    case 410:
      return error(ErrorKind::kLimit, Retry::kSafe);
    case 429:
      return error(ErrorKind::kUnavailable, Retry::kLater);
    default:
      break;
  }
  if (response.status >= 500) return error(ErrorKind::kUnavailable, Retry::kLater);
  return error(ErrorKind::kProtocol, Retry::kNever);
}

Client::Client(Transport& transport, const Clock& clock, Wait wait, ClientLimits limits,
               std::string field_manager)
    : transport_(transport),
      clock_(clock),
      wait_(std::move(wait)),
      limits_(limits),
      field_manager_(std::move(field_manager)),
      bucket_(limits.requests_per_second, limits.burst) {}

void Client::throttle() {
  Millis delay{0};
  {
    const std::lock_guard lock(mutex_);
    delay = bucket_.take(clock_.steady());
  }
  if (delay.count() > 0) wait_(delay);
}

void Client::count(const std::string& method, const std::string& code) {
  const std::lock_guard lock(mutex_);
  ++counts_[{method, code}];
}

std::map<std::pair<std::string, std::string>, std::uint64_t> Client::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

Result<Response> Client::send(const Request& request, const std::string& what) {
  for (int attempt = 0;; ++attempt) {
    throttle();
    auto response = transport_.send(request);
    note(request.method, response);
    if (!response) return response.error();
    if (response->status / 100 == 2) return response;
    if (lost_a_race(request, *response)) {
      Error lost = error_of(*response, what);
      lost.kind = ErrorKind::kUnavailable, lost.retry = Retry::kLater;
      return lost;
    }
    const auto delay = retry_after(*response);
    if (!delay || *delay > limits_.longest_wait || attempt >= limits_.retries_after)
      return error_of(*response, what);
    wait_(std::max(*delay, Millis{100}));
  }
}

Result<Json> Client::call(Request request, const std::string& what) {
  request.timeout = limits_.timeout;
  request.max_body = kMaxBody;
  auto response = send(request, what);
  if (!response) return response.error();
  return parse(response->body, what);
}

Result<std::string> Client::get_text(const ObjectRef& ref) {
  const Request request{.target = target_of(ref), .timeout = limits_.timeout, .max_body = kMaxBody};
  auto response = send(request, "get " + to_string(ref));
  if (!response) return response.error();
  return std::move(response->body);
}

Result<Json> Client::get(const ObjectRef& ref) {
  return call({.method = "GET", .target = target_of(ref), .headers = {{"Accept", "application/json"}}},
              "get " + to_string(ref));
}

Result<Json> Client::list_page(Request request, const std::string& what,
                               const std::function<void(Json&&)>& each) {
  request.timeout = limits_.timeout;
  auto response = send(request, what);
  if (!response) return response.error();
  return parse_list(response->body, what, each);
}

Result<std::string> Client::list(const ObjectRef& ref, const ListOptions& options,
                                 const std::function<void(Json&&)>& each,
                                 const std::function<void()>& restarted) {
  const std::string what = "list " + to_string(ref);
  const Request first = list_request(ref, options);
  std::string next;
  for (int restarts = 0;;) {
    Request request = first;
    if (!next.empty()) request.target += "&continue=" + url_encode(next);
    auto page = list_page(std::move(request), what, each);
    if (!page) {
      const bool expired = page.error().kind == ErrorKind::kLimit && !next.empty();
      if (!expired || restarts++ >= options.restarts) return page.error();
      if (restarted) restarted();
      next.clear();
      continue;
    }
    const Json& metadata = field(*page, "metadata");
    next = text_field(metadata, "continue");
    if (next.empty()) return text_field(metadata, "resourceVersion");
  }
}

Result<Json> Client::create(const ObjectRef& parent, const Json& object) {
  const std::string target = target_of(parent) + "?fieldManager=" + url_encode(field_manager_);
  return call({.method = "POST",
               .target = target,
               .headers = {{"Content-Type", "application/json"}},
               .body = text_of(object)},
              "create " + to_string(parent));
}

Result<Json> Client::update(const ObjectRef& ref, const Json& object) {
  const std::string target = target_of(ref) + "?fieldManager=" + url_encode(field_manager_);
  return call({.method = "PUT",
               .target = target,
               .headers = {{"Content-Type", "application/json"}},
               .body = text_of(object)},
              "update " + to_string(ref));
}

Request Client::patch_request(const ObjectRef& ref, const Json& body, const char* content_type,
                              const std::string& query) const {
  return {.method = "PATCH",
          .target = target_of(ref) + "?fieldManager=" + url_encode(field_manager_) + query,
          .headers = {{"Content-Type", content_type}},
          .body = text_of(body)};
}

Result<Json> Client::merge_patch(const ObjectRef& ref, const Json& patch) {
  return call(patch_request(ref, patch, "application/merge-patch+json", ""), "patch " + to_string(ref));
}

Result<Json> Client::json_patch(const ObjectRef& ref, const Json& operations) {
  return call(patch_request(ref, operations, "application/json-patch+json", ""), "patch " + to_string(ref));
}

Result<Json> Client::apply(const ObjectRef& ref, const Json& object) {
  return call(patch_request(ref, object, "application/apply-patch+yaml", "&force=true"),
              "apply " + to_string(ref));
}

Status Client::remove(const ObjectRef& ref) {
  auto gone = call({.method = "DELETE", .target = target_of(ref)}, "delete " + to_string(ref));
  if (gone || gone.error().kind == ErrorKind::kNotFound) return {};
  return gone.error();
}

Request Client::list_request(const ObjectRef& ref, const ListOptions& options) {
  const char* accept = options.metadata_only ? kMetadataOnlyList : "application/json";
  return {.target = target_of(ref) + "?limit=" + std::to_string(options.page) + selector_query(options),
          .headers = {{"Accept", accept}},
          .max_body = kMaxBody};
}

Request Client::watch_request(const ObjectRef& ref, const ListOptions& options, const std::string& version,
                              Seconds timeout) {
  const char* bookmarks = options.bookmarks ? "&allowWatchBookmarks=true" : "";
  return {.target = target_of(ref) + "?watch=true" + bookmarks + "&resourceVersion=" + url_encode(version) +
                    "&timeoutSeconds=" + std::to_string(timeout.count()) + selector_query(options),
          .headers = {{"Accept", options.metadata_only ? kMetadataOnly : "application/json"}},
          .timeout = std::chrono::duration_cast<Millis>(timeout) + Millis{10'000}};
}

void Client::note(const std::string& method, const Result<Response>& answer) {
  count(method, answer ? std::to_string(answer->status) : "error");
}

Status Client::watch(const ObjectRef& ref, const ListOptions& options, const std::string& version,
                     Seconds timeout, const LineSink& lines, std::stop_token stop) {
  throttle();
  auto response = transport_.watch(watch_request(ref, options, version, timeout), lines, std::move(stop));
  note("WATCH", response);
  if (!response) return response.error();
  if (response->status / 100 == 2 || response->status == 0) return {};
  return error_of(*response, "watch " + to_string(ref));
}

}  // namespace sidestep::k8s
