#include "kube/kube_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <random>
#include <utility>

#include "base/ascii.hpp"
#include "kube/api_status.hpp"
#include "kube/credentials_source.hpp"
#include "kube/json_text.hpp"
#include "kube/retry.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;

constexpr std::chrono::milliseconds retry_wait_first{100};
constexpr std::size_t refusal_bytes_max = 1024 * 1024;

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

query_text query_of(const write_options& how) {
    query_text query;
    query.add("fieldManager", how.field_manager);
    if (how.strict_fields) query.add("fieldValidation", "Strict");
    if (how.dry_run) query.add("dryRun", "All");
    if (how.force) query.add("force", "true");
    return query;
}

query_text query_of(const list_options& how) {
    query_text query;
    query.add("labelSelector", how.label_selector);
    query.add("fieldSelector", how.field_selector);
    if (how.limit > 0) query.add("limit", std::to_string(how.limit));
    query.add("continue", how.continue_token);
    query.add("resourceVersion", how.resource_version);
    query.add("resourceVersionMatch", how.resource_version_match);
    return query;
}

std::string_view media_of(patch_type type) {
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

// After a lost answer a second try would meet the version that the first one made.
bool names_version(const json::value& body) {
    const auto* object = body.if_object();
    return object != nullptr && object_or_empty(*object, "metadata").contains("resourceVersion");
}

// What one call is; a call is sent several times when it may be.
struct call {
    std::string verb;      // Kubernetes' word
    std::string resource;  // label
    http::request request;
    bool is_idempotent = true;
    std::size_t body_bytes_max = 0;
    base::steady_time deadline{};
};

// A refusal of who we are, or a server that we do not believe, is a trouble that passes: tokens,
// authorities and certificates are replaced while we run, and the files are read again. What we may
// not do (403) is final. `status` 0: no answer came.
base::failure mark_auth_failures_retryable(base::failure why, unsigned status) {
    if (status == 401 || (status == 0 && why.code == errc::denied)) why.code = errc::unavailable;
    return why;
}

class client_impl final : public client {
  public:
    client_impl(aio::executor on, client_options how, std::unique_ptr<http::client> http)
        : options_(std::move(how)),
          identity_(options_.config, *options_.log),
          http_(std::move(http)),
          random_(options_.seed) {
        (void)on;
    }

    aio::task<json::object> get(resource what, std::string ns, std::string name) override {
        co_return co_await object_call(
            make("get", what.plural, http::method::get, what.path(ns, name)));
    }

    aio::task<json::object> create(resource what, std::string ns, json::object body,
                                   write_options options) override {
        auto made = make("create", what.plural, http::method::post,
                         what.path(ns) + query_of(options).text());
        set_body(made, "application/json", json::serialize(body));
        made.is_idempotent = false;
        co_return co_await object_call(std::move(made));
    }

    aio::task<json::object> update(resource what, std::string ns, std::string name,
                                   json::object body, std::string subresource,
                                   write_options options) override {
        auto made = make("update", labelled(what, subresource), http::method::put,
                         what.path(ns, name, subresource) + query_of(options).text());
        set_body(made, "application/json", json::serialize(body));
        // A second try after a lost answer would meet its own revision.
        made.is_idempotent = false;
        co_return co_await object_call(std::move(made));
    }

    aio::task<json::object> patch(resource what, std::string ns, std::string name, patch_type type,
                                  json::value body, std::string subresource,
                                  write_options options) override {
        auto made = make("patch", labelled(what, subresource), http::method::patch,
                         what.path(ns, name, subresource) + query_of(options).text());
        made.is_idempotent = type != patch_type::json && !names_version(body);
        set_body(made, media_of(type), json::serialize(body));
        co_return co_await object_call(std::move(made));
    }

    aio::task<json::object> remove(resource what, std::string ns, std::string name,
                                   delete_options options) override {
        auto made = make("delete", what.plural, http::method::del, what.path(ns, name));
        json::object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
        json::object conditions;
        if (!options.uid.empty()) conditions["uid"] = options.uid;
        if (!options.resource_version.empty()) {
            conditions["resourceVersion"] = options.resource_version;
        }
        if (!conditions.empty()) body["preconditions"] = std::move(conditions);
        if (options.at_once) body["gracePeriodSeconds"] = 0;
        if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
        set_body(made, "application/json", json::serialize(body));
        co_return co_await object_call(std::move(made));
    }

    aio::task<list_page> list(resource what, std::string ns, list_options options) override {
        auto text = co_await list_text(std::move(what), std::move(ns), std::move(options));
        if (!text) co_return base::pass(std::move(text));
        auto parsed = parse_json(*text);
        const auto* object = parsed ? parsed->if_object() : nullptr;
        const auto* metadata = object == nullptr ? nullptr : object_at(*object, "metadata");
        if (metadata == nullptr) co_return fail(errc::corrupt, "a list that is not JSON");
        list_page page{.resource_version = std::string(text_at(*metadata, "resourceVersion")),
                       .continue_token = std::string(text_at(*metadata, "continue"))};
        if (auto* items = parsed->as_object().if_contains("items"); items && items->is_array()) {
            for (auto& each : items->get_array()) {
                if (each.is_object()) page.items.push_back(std::move(each.get_object()));
            }
        }
        co_return page;
    }

    aio::task<std::string> list_text(resource what, std::string ns, list_options options) override {
        auto got = co_await run(
            make("list", what.plural, http::method::get, what.path(ns) + query_of(options).text()));
        if (!got) co_return base::pass(std::move(got));
        co_return got->body.to_string();
    }

    aio::task<http::response> raw_get(std::string path_and_query, base::steady_time deadline,
                                      std::size_t body_bytes_max,
                                      std::string resource_label) override {
        auto made =
            make("get", std::move(resource_label), http::method::get, std::move(path_and_query));
        made.deadline = deadline;
        made.body_bytes_max = body_bytes_max;
        auto got = co_await send(made);
        if (!got)
            co_return std::unexpected(mark_auth_failures_retryable(std::move(got).error(), 0));
        if (got->status >= 400) {
            const auto body = got->body.to_string();
            if (is_failure_status(body)) {
                auto why = failure_of_answer(got->status, body, got->headers.get("Retry-After"));
                co_return std::unexpected(
                    mark_auth_failures_retryable(std::move(why), got->status));
            }
        }
        co_return got;
    }

    aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) override {
        const auto made =
            make("watch", std::move(resource_label), http::method::get, std::move(path_and_query));
        std::uint64_t shown = 0;
        auto stream = co_await open_once(made, shown);
        const bool is_refused =
            stream ? (*stream)->status() == 401 : stream.error().code == errc::denied;
        if (is_refused && has_newer_identity(shown)) stream = co_await open_once(made, shown);
        if (!stream)
            co_return std::unexpected(mark_auth_failures_retryable(std::move(stream).error(), 0));
        const auto status = (*stream)->status();
        if (status == 200) co_return stream;
        const auto body = co_await read_refusal(**stream);
        auto why =
            failure_of_answer(status, body.value_or(""), (*stream)->headers().get("Retry-After"));
        co_return std::unexpected(mark_auth_failures_retryable(std::move(why), status));
    }

    void on_call(std::function<void(const call_record&)> listener) override {
        listener_ = std::move(listener);
    }

  private:
    static std::string labelled(const resource& what, const std::string& subresource) {
        return subresource.empty() ? what.plural : what.plural + "/" + subresource;
    }

    [[nodiscard]] call make(std::string verb, std::string label, http::method method,
                            const std::string& target) const {
        return {.verb = std::move(verb),
                .resource = std::move(label),
                .request = {.verb = method, .target = options_.config.server.path + target}};
    }

    static void set_body(call& which, std::string_view media, std::string text) {
        which.request.headers.set("Content-Type", std::string(media));
        which.request.body = std::move(text);
    }

    base::steady_time deadline_now() const {
        return std::chrono::steady_clock::now() + options_.call_timeout;
    }

    void tell(call_record record) const {
        if (listener_) listener_(record);
    }

    // Shows what the files say by now; the number of the identity that is shown.
    std::uint64_t authorise(http::request& outgoing) {
        renew_identity();
        if (const auto& token = identity_.token(); !token.empty()) {
            outgoing.headers.set("Authorization", "Bearer " + token.reveal());
        }
        outgoing.headers.set("Accept", "application/json");
        outgoing.headers.set("User-Agent", options_.user_agent);
        return identity_.version();
    }

    void renew_identity() {
        const bool has_new_tls = identity_.look(options_.clock->now());
        if (!has_new_tls || !options_.config.server.secure) return;
        auto taken = http_->use_tls(identity_.tls());
        if (!taken) {
            options_.log->warning("kubernetes_identity_unusable", {{"error", taken.error().text}});
        }
    }

    // We were refused, or do not believe the server. True: the files say something else than what
    // was shown, so that it is worth another try.
    bool has_newer_identity(std::uint64_t shown) {
        identity_.doubt();
        renew_identity();
        return identity_.version() != shown;
    }

    // Once more when it was refused for an identity that is no longer ours.
    aio::task<http::response> send(call& which) {
        std::uint64_t shown = 0;
        auto got = co_await send_once(which, shown);
        const bool is_refused = got ? got->status == 401 : got.error().code == errc::denied;
        if (!is_refused || !has_newer_identity(shown)) co_return got;
        co_return co_await send_once(which, shown);
    }

    // The body of an answer that is no watch: in pieces as they come, to its end or as far as it
    // came.
    aio::task<std::string> read_refusal(http::stream_reader& from) {
        std::string text;
        const auto deadline = deadline_now();
        while (text.size() < refusal_bytes_max) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                deadline - std::chrono::steady_clock::now());
            auto piece = co_await from.read(left);
            if (!piece || piece->empty()) break;
            text += *piece;
        }
        co_return text;
    }

    aio::task<std::unique_ptr<http::stream_reader>> open_once(const call& which,
                                                              std::uint64_t& shown) {
        auto outgoing = which.request;
        shown = authorise(outgoing);
        const auto begun = options_.clock->now();
        auto stream = co_await http_->open(std::move(outgoing), {.deadline = deadline_now()});
        tell({which.verb, which.resource, stream ? (*stream)->status() : 0,
              options_.clock->now() - begun});
        co_return stream;
    }

    aio::task<http::response> send_once(call& which, std::uint64_t& shown) {
        auto outgoing = which.request;
        shown = authorise(outgoing);
        const auto begun = options_.clock->now();
        const auto deadline =
            which.deadline == base::steady_time{} ? deadline_now() : which.deadline;
        auto got =
            co_await http_->send(std::move(outgoing), {.deadline = deadline,
                                                       .body_bytes_max = which.body_bytes_max,
                                                       .replayable = which.is_idempotent});
        tell({which.verb, which.resource, got ? got->status : 0, options_.clock->now() - begun});
        if (got) {
            for (const auto& each : got->headers.items()) {
                if (!base::equals_ignore_case(each.name, "Warning")) continue;
                options_.log->warning(
                    "kubernetes_warning",
                    {{"verb", which.verb}, {"resource", which.resource}, {"detail", each.value}});
            }
        }
        co_return got;
    }

    // With retries: where nothing was sent, or where repeating does no harm.
    aio::task<http::response> run(call which) {
        aio::backoff waits({.first = std::min(retry_wait_first, options_.retry_wait_max),
                            .max = options_.retry_wait_max},
                           random_());
        for (int attempt = 0;; ++attempt) {
            auto got = co_await send(which);
            if (got && got->status < 300) co_return got;
            auto why = got ? failure_of_answer(got->status, got->body.to_string(),
                                               got->headers.get("Retry-After"))
                           : got.error();
            const bool harmless = got ? may_be_repeated(got->status, why, which.is_idempotent)
                                      : why.code == errc::unavailable &&
                                            (which.is_idempotent || why.reason == "not_sent");
            if (attempt >= options_.retries_max || !harmless) {
                co_return std::unexpected(
                    mark_auth_failures_retryable(std::move(why), got ? got->status : 0));
            }
            const auto wait = wait_before_retry(waits, why, options_.retry_wait_max);
            auto slept = co_await aio::sleep_for(wait);
            if (!slept) co_return base::pass(std::move(slept));
        }
    }

    aio::task<json::object> object_call(call which) {
        const auto what = which.verb + " " + which.resource;
        auto got = co_await run(std::move(which));
        if (!got) co_return base::pass(std::move(got), what);
        auto parsed = parse_json(got->body.to_string());
        if (!parsed || !parsed->is_object()) {
            co_return fail(errc::corrupt, what + ": the answer is not a JSON object");
        }
        co_return std::move(parsed->get_object());
    }

    client_options options_;
    identity identity_;
    std::unique_ptr<http::client> http_;
    std::mt19937_64 random_;
    std::function<void(const call_record&)> listener_;
};

}  // namespace

base::outcome<std::unique_ptr<client>> make_client(aio::executor on, client_options options) {
    const auto& from = options.config;
    http::client_options how{.origin = from.server,
                             .connections_max = options.connections_max,
                             .idle_timeout = std::chrono::seconds(45)};
    if (from.server.secure) {
        how.tls = identity(from, *options.log).tls();
    }
    auto http = http::make_client(on, std::move(how));
    if (!http) return base::pass(std::move(http), "Kubernetes client");
    return std::make_unique<client_impl>(std::move(on), std::move(options), std::move(*http));
}

}  // namespace kube
