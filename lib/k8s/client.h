// Calls on named resources of a Kubernetes API server, as JSON values.
//
// Settles paths, content types, paging, preconditions and which failure may be tried again. It waits only to
// keep its own request limit and as long as the server says in Retry-After (429, 503); every other repetition
// is the caller's.
//
// Failures: 400, 422 → kInvalid; 401, 403 → kRefused; 404 → kNotFound; 409 → kConflict (read again, decide
// again); 410 → kLimit with Retry::kSafe (the version or the page token expired: list again); 429, 5xx, no
// answer → kUnavailable with Retry::kLater.
//
// Ownership: keeps references to transport and clock, which must live longer. Threads: any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/k8s/bucket.h"
#include "lib/k8s/transport.h"

namespace sidestep::k8s {

using Json = nlohmann::json;

// One kind of object, for instance {"apps/v1", "deployments"} or {"v1", "pods"}.
struct Resource {
  std::string group_version = {};
  std::string plural = {};
};

// An object, or, without a name, all of a namespace, or, without a namespace, all of the cluster.
struct ObjectRef {
  Resource resource;
  std::string name_space = {};
  std::string name = {};
  std::string subresource = {};  // "status", "eviction", …
};

std::string target_of(const ObjectRef& ref);  // "/apis/apps/v1/namespaces/a/deployments/b/status"
std::string to_string(const ObjectRef& ref);  // "deployments a/b", for people

struct ListOptions {
  std::string label_selector = {};
  std::string field_selector = {};
  int page = 500;              // objects per request, at least 1
  int restarts = 3;            // how often to begin again when the page token expires
  bool metadata_only = false;  // PartialObjectMetadata: no spec, no status
  bool bookmarks = true;       // of a watch: the server tells now and then how far it is
};

struct ClientLimits {
  double requests_per_second = 50;
  double burst = 100;
  int retries_after = 5;        // how often Retry-After is obeyed for one call
  Millis longest_wait{30'000};  // a longer Retry-After is the caller's business
  Millis timeout{30'000};
};

// How the client waits. The real one sleeps; tests move a clock.
using Wait = std::function<void(Millis)>;

class Client {
 public:
  Client(Transport& transport, const Clock& clock, Wait wait, ClientLimits limits = {},
         std::string field_manager = "sidestep");

  Result<Json> get(const ObjectRef& ref);

  // Gives every object to `each`, as it is read, and returns the list's resourceVersion. When a page token
  // expires the list begins again and `each` sees objects a second time; `restarted` is called first, to
  // forget them. After an error some may have been given.
  Result<std::string> list(const ObjectRef& ref, const ListOptions& options,
                           const std::function<void(Json&&)>& each,
                           const std::function<void()>& restarted = {});

  // Returns the object as stored. An object that exists already is kConflict; a conflict of another kind, of
  // which nothing was made, is kUnavailable.
  Result<Json> create(const ObjectRef& parent, const Json& object);
  // Replaces; carries its resourceVersion as the precondition.
  Result<Json> update(const ObjectRef& ref, const Json& object);
  // Give the resourceVersion in the patch's metadata to make it a precondition.
  Result<Json> merge_patch(const ObjectRef& ref, const Json& patch);
  // RFC 6902; a failed `test` operation is kInvalid.
  Result<Json> json_patch(const ObjectRef& ref, const Json& operations);
  // Server-side apply with force: `object` carries every field this field manager owns.
  Result<Json> apply(const ObjectRef& ref, const Json& object);
  // An object that is gone already is success.
  Status remove(const ObjectRef& ref);

  // One watch from `version`; see Transport::watch. The answer's status is checked: not 2xx is an error.
  Status watch(const ObjectRef& ref, const ListOptions& options, const std::string& version, Seconds timeout,
               const LineSink& lines, std::stop_token stop);

  // The body as it is, of a subresource that is no object ("log", "proxy/…").
  Result<std::string> get_text(const ObjectRef& ref);

  // Any other call, through the same limits and error rules.
  Result<Json> call(Request request, const std::string& what);

  // The requests of list (its first page) and watch, for somebody who sends them himself: see note().
  static Request list_request(const ObjectRef& ref, const ListOptions& options);
  static Request watch_request(const ObjectRef& ref, const ListOptions& options, const std::string& version,
                               Seconds timeout);
  // Counts such a request. `method`: GET or WATCH.
  void note(const std::string& method, const Result<Response>& answer);

  // (method, status code or "error") → requests, since the start.
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts() const;

 private:
  Result<Response> send(const Request& request, const std::string& what);
  Result<Json> list_page(Request request, const std::string& what, const std::function<void(Json&&)>& each);
  Request patch_request(const ObjectRef& ref, const Json& body, const char* content_type,
                        const std::string& query) const;
  void throttle();
  void count(const std::string& method, const std::string& code);

  Transport& transport_;
  const Clock& clock_;
  const Wait wait_;
  const ClientLimits limits_;
  const std::string field_manager_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  TokenBucket bucket_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

// Whether an answer is a list. One that is none, as a Status with 200 of somebody in between, must not be
// taken for an empty list: whoever keeps the objects would forget them all.
bool is_list(const Json& answer);

// The error that a status code and the Status object in its body stand for. REQUIRES: status is not 2xx.
Error error_of(const Response& response, const std::string& what);

}  // namespace sidestep::k8s
