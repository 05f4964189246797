#include "kube/kube_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/ascii.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/api_status.hpp"
#include "kube/credentials_source.hpp"
#include "kube/retry.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;

constexpr std::chrono::milliseconds retry_wait_first{100};
constexpr std::size_t error_body_bytes_max = 1024 * 1024;

class query_text {
  public:
    void add(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        text_ += text_.empty() ? '?' : '&';
        text_ += name;
        text_ += '=';
        text_ += http::encode_percent(value);
    }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
};

query_text query_of(const write_options& options) {
    query_text query;
    query.add("fieldManager", options.field_manager);
    if (options.strict_fields) query.add("fieldValidation", "Strict");
    if (options.dry_run) query.add("dryRun", "All");
    if (options.force) query.add("force", "true");
    return query;
}

query_text query_of(const list_options& options) {
    query_text query;
    query.add("labelSelector", options.label_selector);
    query.add("fieldSelector", options.field_selector);
    if (options.limit > 0) query.add("limit", std::to_string(options.limit));
    query.add("continue", options.continue_token);
    query.add("resourceVersion", options.resource_version);
    query.add("resourceVersionMatch", options.resource_version_match);
    return query;
}

std::string_view media_type_of(patch_type type) {
    switch (type) {
        case patch_type::merge:
            return "application/merge-patch+json";
        case patch_type::json:
            return "application/json-patch+json";
        case patch_type::apply:
            return "application/apply-patch+yaml";
    }
    return "";
}

// After a lost response, a retry would conflict with the version that the first write made.
bool names_version(const json::value& body) {
    const auto* object = body.if_object();
    return object != nullptr &&
           json::object_or_empty(*object, "metadata").contains("resourceVersion");
}

// One call. A retryable call may be sent several times.
struct call {
    std::string verb;      // Kubernetes' word
    std::string resource;  // label
    http::request request;
    bool is_idempotent = true;
    std::size_t body_bytes_max = 0;
    base::steady_time deadline{};
    std::optional<obs::trace_context> parent{};  // of the spans of its requests
};

// 401 responses and TLS verification failures are retryable: tokens, CA bundles and certificates
// rotate at run time and are read again from disk. 403 is permanent. `status` is 0 without a
// response.
base::failure mark_auth_failures_retryable(base::failure failure, unsigned status) {
    if (status == 401 || (status == 0 && failure.code == errc::denied))
        failure.code = errc::unavailable;
    return failure;
}

base::outcome<std::unique_ptr<http::client>> make_http_client(
    aio::executor executor, const client_options& options, const credentials_source& credentials) {
    http::client_options settings{.origin = credentials.server(),
                                  .connections_max = options.connections_max,
                                  .idle_timeout = std::chrono::seconds(45)};
    if (settings.origin.secure) settings.tls = credentials.tls();
    return http::make_client(std::move(executor), std::move(settings));
}

class client_impl final : public client {
  public:
    client_impl(aio::executor executor, client_options options, std::unique_ptr<http::client> http)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          credentials_(options_.config, *options_.log),
          http_(std::move(http)),
          connected_server_(credentials_.server()),
          random_(options_.seed) {}

    aio::task<json::object> get(resource target, std::string ns, std::string name) override {
        auto object = co_await object_call(
            make("get", target.plural, http::method::get, target.path(ns, name)));
        if (!object) co_return base::pass(std::move(object));
        if (json::text_at(json::object_or_empty(*object, "metadata"), "name") != name) {
            co_return fail(errc::unavailable,
                           "get " + target.plural + ": the response is not the object");
        }
        co_return object;
    }

    aio::task<json::object> create(resource target, std::string ns, json::object body,
                                   write_options options) override {
        auto new_call = make("create", target.plural, http::method::post,
                             target.path(ns) + query_of(options).text());
        set_body(new_call, "application/json", json::serialize(body));
        new_call.is_idempotent = false;
        co_return co_await object_call(std::move(new_call));
    }

    aio::task<json::object> update(resource target, std::string ns, std::string name,
                                   json::object body, std::string subresource,
                                   write_options options) override {
        auto new_call = make("update", labelled(target, subresource), http::method::put,
                             target.path(ns, name, subresource) + query_of(options).text());
        set_body(new_call, "application/json", json::serialize(body));
        // After a lost response, a retry would conflict with its own write.
        new_call.is_idempotent = false;
        co_return co_await object_call(std::move(new_call));
    }

    aio::task<json::object> patch(resource target, std::string ns, std::string name,
                                  patch_type type, json::value body, std::string subresource,
                                  write_options options) override {
        auto new_call = make("patch", labelled(target, subresource), http::method::patch,
                             target.path(ns, name, subresource) + query_of(options).text());
        new_call.is_idempotent = type != patch_type::json && !names_version(body);
        set_body(new_call, media_type_of(type), json::serialize(body));
        co_return co_await object_call(std::move(new_call));
    }

    aio::task<json::object> remove(resource target, std::string ns, std::string name,
                                   delete_options options) override {
        auto new_call = make("delete", target.plural, http::method::del, target.path(ns, name));
        json::object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
        json::object conditions;
        if (!options.uid.empty()) conditions["uid"] = options.uid;
        if (!options.resource_version.empty()) {
            conditions["resourceVersion"] = options.resource_version;
        }
        if (!conditions.empty()) body["preconditions"] = std::move(conditions);
        if (options.at_once) body["gracePeriodSeconds"] = 0;
        if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
        set_body(new_call, "application/json", json::serialize(body));
        co_return co_await object_call(std::move(new_call));
    }

    aio::task<list_page> list(resource target, std::string ns, list_options options) override {
        auto text = co_await list_text(std::move(target), std::move(ns), std::move(options));
        if (!text) co_return base::pass(std::move(text));
        auto parsed = json::try_parse(*text);
        const auto* object = parsed ? parsed->if_object() : nullptr;
        const auto* metadata = object == nullptr ? nullptr : json::object_at(*object, "metadata");
        if (metadata == nullptr) co_return fail(errc::corrupt, "a list that is not JSON");
        list_page page{.resource_version = std::string(json::text_at(*metadata, "resourceVersion")),
                       .continue_token = std::string(json::text_at(*metadata, "continue"))};
        if (auto* items = parsed->as_object().if_contains("items"); items && items->is_array()) {
            for (auto& each : items->get_array()) {
                if (each.is_object()) page.items.push_back(std::move(each.get_object()));
            }
        }
        co_return page;
    }

    aio::task<std::string> list_text(resource target, std::string ns,
                                     list_options options) override {
        auto response = co_await run(make("list", target.plural, http::method::get,
                                          target.path(ns) + query_of(options).text()));
        if (!response) co_return base::pass(std::move(response));
        co_return response->body.to_string();
    }

    aio::task<http::response> raw_get(std::string path_and_query, base::steady_time deadline,
                                      std::size_t body_bytes_max,
                                      std::string resource_label) override {
        auto new_call =
            make("get", std::move(resource_label), http::method::get, std::move(path_and_query));
        new_call.deadline = deadline;
        new_call.body_bytes_max = body_bytes_max;
        auto response = co_await send(new_call);
        if (!response)
            co_return std::unexpected(mark_auth_failures_retryable(std::move(response).error(), 0));
        if (response->status >= 400) {
            const auto body = response->body.to_string();
            if (is_failure_status(body)) {
                auto failure = failure_of_response(response->status, body,
                                                   response->headers.get("Retry-After"));
                co_return std::unexpected(
                    mark_auth_failures_retryable(std::move(failure), response->status));
            }
        }
        co_return response;
    }

    aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) override {
        const auto new_call =
            make("watch", std::move(resource_label), http::method::get, std::move(path_and_query));
        std::uint64_t used_version = 0;
        auto stream = co_await open_once(new_call, used_version);
        const bool was_rejected =
            stream ? is_rejected((*stream)->status()) : is_rejected(stream.error());
        if (was_rejected && has_newer_credentials(used_version))
            stream = co_await open_once(new_call, used_version);
        if (!stream)
            co_return std::unexpected(mark_auth_failures_retryable(std::move(stream).error(), 0));
        const auto status = (*stream)->status();
        if (status == 200) co_return stream;
        const auto body = co_await read_error_body(**stream);
        auto failure =
            failure_of_response(status, body.value_or(""), (*stream)->headers().get("Retry-After"));
        co_return std::unexpected(mark_auth_failures_retryable(std::move(failure), status));
    }

    void trace_next_call(const obs::trace_context& parent) override { next_parent_ = parent; }

    void on_call(std::function<void(const call_record&)> listener) override {
        listener_ = std::move(listener);
    }

    base::outcome<void> reload_credentials() override {
        credentials_.invalidate();
        refresh_credentials();
        return credentials_.last_reload();
    }

  private:
    static std::string labelled(const resource& target, const std::string& subresource) {
        return subresource.empty() ? target.plural : target.plural + "/" + subresource;
    }

    [[nodiscard]] call make(std::string verb, std::string label, http::method method,
                            std::string target) {
        return {.verb = std::move(verb),
                .resource = std::move(label),
                .request = {.verb = method, .target = std::move(target)},
                .parent = std::exchange(next_parent_, std::nullopt)};
    }

    static void set_body(call& request_call, std::string_view media, std::string text) {
        request_call.request.headers.set("Content-Type", std::string(media));
        request_call.request.body = std::move(text);
    }

    base::steady_time deadline_now() const {
        return std::chrono::steady_clock::now() + options_.call_timeout;
    }

    void report_call(call_record record) const {
        if (listener_) listener_(record);
    }

    // Adds the path of the server and the current credentials, and returns their version.
    std::uint64_t authorise(http::request& outgoing) {
        refresh_credentials();
        outgoing.target.insert(0, connected_server_.path);
        if (const auto& token = credentials_.token(); !token.empty()) {
            outgoing.headers.set("Authorization", "Bearer " + token.reveal());
        }
        outgoing.headers.set("Accept", "application/json");
        outgoing.headers.set("User-Agent", options_.user_agent);
        return credentials_.version();
    }

    void refresh_credentials() {
        const bool has_new_tls = credentials_.refresh_if_due(options_.clock->now());
        base::outcome<void> applied;
        if (credentials_.server() != connected_server_) {
            // After an error, only other credentials can help.
            if (std::exchange(attempted_version_, credentials_.version()) == credentials_.version())
                return;
            applied = connect_to_server();
        } else if (has_new_tls && connected_server_.secure) {
            applied = http_->use_tls(credentials_.tls());
        }
        if (!applied) {
            options_.log->warning("kubernetes_identity_unusable",
                                  {{"error", applied.error().text}});
        }
    }

    // Calls in flight keep the previous client.
    base::outcome<void> connect_to_server() {
        auto created = make_http_client(executor_, options_, credentials_);
        if (!created) return base::pass(std::move(created));
        http_ = std::move(*created);
        connected_server_ = credentials_.server();
        return {};
    }

    // Returns whether other credentials or another address could help: a 401, a TLS trust failure,
    // or a connection that failed.
    static bool is_rejected(unsigned status) { return status == 401; }
    static bool is_rejected(const base::failure& failure) {
        return failure.code == errc::denied || (failure.code == errc::unavailable &&
                                                failure.cause == http::failure_cause::not_sent);
    }

    // Refreshes the credentials after a rejection. Returns whether they changed, so that a retry is
    // worthwhile.
    bool has_newer_credentials(std::uint64_t used_version) {
        credentials_.invalidate();
        refresh_credentials();
        return credentials_.version() != used_version;
    }

    // Retries once if the rejected credentials are outdated.
    aio::task<http::response> send(call& request_call) {
        std::uint64_t used_version = 0;
        auto response = co_await send_once(request_call, used_version);
        const bool was_rejected =
            response ? is_rejected(response->status) : is_rejected(response.error());
        if (!was_rejected || !has_newer_credentials(used_version)) co_return response;
        co_return co_await send_once(request_call, used_version);
    }

    // Reads the body of an error response to its end or to the first read failure.
    aio::task<std::string> read_error_body(http::stream_reader& reader) {
        std::string text;
        const auto deadline = deadline_now();
        while (text.size() < error_body_bytes_max) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                deadline - std::chrono::steady_clock::now());
            auto piece = co_await reader.read(left);
            if (!piece || piece->empty()) break;
            text += *piece;
        }
        co_return text;
    }

    aio::task<std::unique_ptr<http::stream_reader>> open_once(const call& request_call,
                                                              std::uint64_t& used_version) {
        auto outgoing = request_call.request;
        used_version = authorise(outgoing);
        const auto started_at = options_.clock->now();
        const auto http = http_;  // may be replaced during the call
        auto stream = co_await http->open(std::move(outgoing), {.deadline = deadline_now()});
        report_call({request_call.verb, request_call.resource, stream ? (*stream)->status() : 0,
                     options_.clock->now() - started_at});
        co_return stream;
    }

    aio::task<http::response> send_once(call& request_call, std::uint64_t& used_version) {
        auto outgoing = request_call.request;
        used_version = authorise(outgoing);
        obs::active_span span(*options_.tracer, *options_.clock, request_call.parent,
                              {.kind = obs::span_kind::client,
                               .name = request_call.verb,
                               .object = request_call.resource});
        if (span.is_active()) {
            outgoing.headers.set("traceparent", obs::to_traceparent(span.context()));
            span.add("http.request.method", http::name(outgoing.verb));
        }
        const auto started_at = options_.clock->now();
        const auto deadline =
            request_call.deadline == base::steady_time{} ? deadline_now() : request_call.deadline;
        const auto http = http_;  // may be replaced during the call
        auto response =
            co_await http->send(std::move(outgoing), {.deadline = deadline,
                                                      .body_bytes_max = request_call.body_bytes_max,
                                                      .replayable = request_call.is_idempotent});
        report_call({request_call.verb, request_call.resource, response ? response->status : 0,
                     options_.clock->now() - started_at});
        note_end(span, response);
        note_debug(request_call, response, started_at);
        if (response) {
            for (const auto& each : response->headers.items()) {
                if (!base::equals_ignore_case(each.name, "Warning")) continue;
                options_.log->warning("kubernetes_warning", {{"verb", request_call.verb},
                                                             {"resource", request_call.resource},
                                                             {"detail", each.value}});
            }
        }
        co_return response;
    }

    void note_debug(const call& request_call, const base::outcome<http::response>& response,
                    base::steady_time started_at) {
        if (!options_.log->is_enabled(obs::level::debug)) return;
        const std::chrono::duration<double, std::milli> duration =
            options_.clock->now() - started_at;
        options_.log->debug("kubernetes_request",
                            {{"verb", request_call.verb},
                             {"resource", request_call.resource},
                             {"status", response ? response->status : 0},
                             {"error", response ? std::string_view() : response.error().text},
                             {"duration_ms", duration.count()}});
    }

    static void note_end(obs::active_span& span, const base::outcome<http::response>& response) {
        if (!span.is_active()) return;
        if (!response) return span.fail(base::name(response.error().code));
        span.add("http.response.status_code", std::int64_t{response->status});
        if (response->status >= 400) span.fail(std::to_string(response->status));
    }

    // Sends the call and retries if nothing was sent or if a retry is safe.
    aio::task<http::response> run(call request_call) {
        aio::backoff waits({.first = std::min(retry_wait_first, options_.retry_wait_max),
                            .max = options_.retry_wait_max},
                           random_());
        for (int attempt = 0;; ++attempt) {
            auto response = co_await send(request_call);
            if (response && response->status < 300) co_return response;
            auto failure = response
                               ? failure_of_response(response->status, response->body.to_string(),
                                                     response->headers.get("Retry-After"))
                               : response.error();
            // Bytes that are not HTTP come from a proxy, and prove nothing about the call.
            if (failure.code == errc::corrupt) failure.code = errc::unavailable;
            const bool may_retry =
                response ? is_retryable(response->status, failure, request_call.is_idempotent)
                         : failure.code == errc::unavailable &&
                               (request_call.is_idempotent ||
                                failure.cause == http::failure_cause::not_sent);
            if (attempt >= options_.retries_max || !may_retry) {
                co_return std::unexpected(mark_auth_failures_retryable(
                    std::move(failure), response ? response->status : 0));
            }
            const auto wait = wait_before_retry(waits, failure, options_.retry_wait_max);
            auto slept = co_await aio::sleep_for(*options_.clock, wait);
            if (!slept) co_return base::pass(std::move(slept));
        }
    }

    aio::task<json::object> object_call(call request_call) {
        const auto activity = request_call.verb + " " + request_call.resource;
        auto response = co_await run(std::move(request_call));
        if (!response) co_return base::pass(std::move(response), activity);
        const auto text = response->body.to_string();
        auto parsed = json::try_parse(text);
        if (!parsed || !parsed->is_object()) {  // a page of a proxy
            co_return fail(errc::unavailable, activity + ": the response is not a JSON object");
        }
        if (is_failure_status(text)) {
            auto failure = failure_of_response(response->status, text, {});
            co_return std::unexpected(std::move(failure).in(activity));
        }
        co_return std::move(parsed->get_object());
    }

    aio::executor executor_;
    client_options options_;
    credentials_source credentials_;
    std::shared_ptr<http::client> http_;   // shared with the calls in flight
    http::url connected_server_;           // of http_
    std::uint64_t attempted_version_ = 0;  // of the credentials at the last change of the server
    std::mt19937_64 random_;
    std::function<void(const call_record&)> listener_;
    std::optional<obs::trace_context> next_parent_;  // of the next call
};

}  // namespace

base::outcome<std::unique_ptr<client>> make_client(aio::executor executor, client_options options) {
    auto http =
        make_http_client(executor, options, credentials_source(options.config, *options.log));
    if (!http) return base::pass(std::move(http), "Kubernetes client");
    return std::make_unique<client_impl>(std::move(executor), std::move(options), std::move(*http));
}

}  // namespace kube
