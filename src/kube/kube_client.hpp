#pragma once
// A generic Kubernetes client over one connection pool: typed failures from Status bodies, retries
// with Retry-After, credentials that rotate. JSON is Boost.JSON here; the watch path has its own
// (reflector.hpp). Belongs to one loop. API semantics:
// kubernetes.io/docs/reference/using-api/api-concepts.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "http/client.hpp"
#include "json/json.hpp"
#include "kube/kubeconfig.hpp"
#include "kube/resource.hpp"
#include "obs/log.hpp"
#include "obs/trace.hpp"

namespace kube {

enum class patch_type { merge, json, apply };

struct write_options {
    std::string field_manager = "kubedb-dbaas";
    bool strict_fields = true;  // fieldValidation=Strict
    bool dry_run = false;
    bool force = false;  // apply only
};

struct delete_options {
    std::string uid;               // precondition; empty = none
    std::string resource_version;  // precondition; empty = none
    std::string propagation;       // "", "Background", "Foreground", "Orphan"
    bool at_once = false;          // without a grace period (pods)
};

struct list_options {
    std::string label_selector{};
    std::string field_selector{};
    std::size_t limit = 0;  // page size; 0 = server's choice
    std::string continue_token{};
    std::string resource_version{};
    std::string resource_version_match{};
};

struct list_page {
    std::vector<json::object> items;
    std::string resource_version;
    std::string continue_token;  // empty = last page
};

// One finished call, for metrics. `verb` is that of Kubernetes ("list", "watch", "create").
struct call_record {
    std::string_view verb;
    std::string_view resource;  // plural, with subresource: "services/proxy"
    unsigned status;            // 0 without a response
    std::chrono::nanoseconds took;
};

// Failures of all calls, by Status.reason first, then by code:
//   NotFound -> not_found   AlreadyExists -> conflict/"AlreadyExists"   Conflict -> precondition
//   Gone/Expired -> gone Invalid, BadRequest, UnsupportedMediaType, NotAcceptable,
//   RequestEntityTooLarge -> invalid (causes in fields) Forbidden -> denied
//   TooManyRequests, ServiceUnavailable, InternalError, ServerTimeout -> unavailable Timeout ->
//   timed_out   MethodNotAllowed -> unsupported; failure.cause is a status_reason, and
//   fields[] the causes (code = Kubernetes' reason, "ResourceVersionTooLarge"). Messages of a
//   rejected strict PATCH quote the whole object: they are cut to the causes.
// Unauthorized and TLS trust failures are unavailable, after a retry if the kubeconfig or its files
// have newer credentials. reason and text name the cause.
// A 404 without a Status, or with one that names no object, is unavailable with
// status_reason::not_served. It proves nothing, because a proxy can send it.
// discovery.hpp lists the served resources.
// A success without an object, such as a login page of a proxy, is unavailable too. get() requires
// the name of the object.
class client {
  public:
    virtual ~client() = default;

    virtual aio::task<json::object> get(resource target, std::string ns, std::string name) = 0;
    // POST. After a lost response the caller must read before it retries. The client never repeats
    // a POST that the server may have received.
    virtual aio::task<json::object> create(resource target, std::string ns, json::object body,
                                           write_options options = {}) = 0;
    // PUT: body needs metadata.resourceVersion.
    virtual aio::task<json::object> update(resource target, std::string ns, std::string name,
                                           json::object body, std::string subresource = {},
                                           write_options options = {}) = 0;
    virtual aio::task<json::object> patch(resource target, std::string ns, std::string name,
                                          patch_type type, json::value body,
                                          std::string subresource = {},
                                          write_options options = {}) = 0;
    // Returns the deleted object or a Status.
    virtual aio::task<json::object> remove(resource target, std::string ns, std::string name,
                                           delete_options options = {}) = 0;
    // ns empty = all namespaces.
    virtual aio::task<list_page> list(resource target, std::string ns,
                                      list_options options = {}) = 0;

    // Returns the text of one page, for the informer. Counted as "list".
    virtual aio::task<std::string> list_text(resource target, std::string ns,
                                             list_options options = {}) = 0;

    // Sends any GET, for services/proxy and discovery. Returns every response, except that a Status
    // body of the API server becomes a failure.
    virtual aio::task<http::response> raw_get(std::string path_and_query,
                                              base::steady_time deadline,
                                              std::size_t body_bytes_max,
                                              std::string resource_label) = 0;
    // Opens a watch stream (HTTP status 200 guaranteed; others are failures as above).
    virtual aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) = 0;

    // Makes the next call a child of this span: the client reports a span for each request of the
    // call, and sends it as traceparent. The caller must await the next call at once.
    virtual void trace_next_call(const obs::trace_context& /*parent*/) {}

    virtual void on_call(std::function<void(const call_record&)> listener) = 0;

    // Reads the kubeconfig and its files again. The client does so itself after a 401, a TLS trust
    // failure or a failed connection. Errors: those of load_kubeconfigs(); the previous values
    // stay.
    virtual base::outcome<void> reload_credentials() { return {}; }
};

struct client_options {
    kube::config config;
    std::size_t connections_max = 64;
    std::chrono::milliseconds call_timeout{15000};
    // Retries of a call that the server has not started (429, 503 with Retry-After). Idempotent
    // calls are also retried after 503, 500 with Retry-After and a lost connection.
    int retries_max = 5;
    std::chrono::milliseconds retry_wait_max{10000};
    std::string user_agent = "kubedb-dbaas";
    std::uint64_t seed = 1;  // of the jitter between retries
    const base::clock* clock = &base::system_clock();
    obs::log* log = &obs::null_log();
    obs::tracer* tracer = &obs::null_tracer();
};

// Failures: invalid (unusable configuration).
base::outcome<std::unique_ptr<client>> make_client(aio::executor executor, client_options options);

}  // namespace kube
