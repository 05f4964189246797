#include "api/endpoints/write_endpoints.hpp"

#include <fmt/format.h>

#include <charconv>

#include "aio/run_on.hpp"
#include "api/endpoints/read_endpoints.hpp"
#include "api/etag.hpp"
#include "api/json/request_json.hpp"
#include "api/problem.hpp"
#include "base/time_text.hpp"

namespace api {
namespace {

using base::errc;
using boost::asio::awaitable;

constexpr std::size_t idempotency_key_max = 100;
constexpr std::size_t kept_answer_bytes_max = std::size_t{256} * 1024;

std::unexpected<base::failure> bad(std::string text) {
    return base::fail(errc::invalid, std::move(text), "bad_request");
}

bool is_write(operation_id what) noexcept {
    return what != operation_id::get_metrics_history && what != operation_id::get_credentials;
}

// A digest of what was asked, to tell a repetition from another request under the same key.
std::string payload_of(const http::request& incoming) {
    constexpr std::string_view between = "\xff";
    const auto target = digest(between, digest(incoming.target));
    const auto hash = digest(between, digest(incoming.body, target));
    return fmt::format("{} {:016x} {}", http::name(incoming.verb), hash, incoming.body.size());
}

base::outcome<app::write_conditions> conditions_of(const http::request& incoming) {
    app::write_conditions conditions;
    const auto query = http::parse_query(incoming.query());
    if (!query) return bad(query.error().text);
    for (const auto& [name, value] : *query) {
        if (name != "dry_run") return bad(fmt::format("unknown query parameter '{}'", name));
        if (value != "true" && value != "false") return bad("dry_run: must be true or false");
        conditions.dry_run = value == "true";
    }
    if (!incoming.headers.has("If-Match")) return conditions;
    const auto match = incoming.headers.get("If-Match");
    if (match == "*") return conditions;
    auto tags = http::parse_entity_tags(match);
    if (!tags) return bad("If-Match: must be * or entity tags such as \"5-a2b3c4.17\"");
    auto& seen = conditions.if_match.emplace();
    for (const auto& tag : *tags) {
        const auto revision = revision_of(tag);
        if (revision) seen.push_back(*revision);
    }
    return conditions;
}

http::response accepted_answer(const app::accepted& result, bool dry_run, const read_model& model) {
    std::string text;
    json_writer out(text);
    out.begin_object().key("database");
    write(out, *result.database);
    out.key("operation");
    if (result.operation) {
        write(out, *result.operation);
    } else {
        out.null();
    }
    out.end_object();
    auto response =
        json_answer(http::body(std::move(text)), dry_run || !result.operation ? 200 : 202);
    if (dry_run) return response;
    const auto& record = *result.database->record;
    response.headers.add("Location", "/api/v1/databases/" + record.id);
    response.headers.add("ETag", model.etag_of(*result.database));
    return response;
}

http::response answer_again(const app::stored_response& kept) {
    http::response response{.status = kept.status, .body = http::body(kept.body)};
    for (const auto& [name, value] : kept.headers) response.headers.add(name, value);
    return response;
}

}  // namespace

bool is_worth_keeping(unsigned status, std::size_t bytes) noexcept {
    return status >= 200 && status < 300 && bytes <= kept_answer_bytes_max;
}

http::response write_routes::refuse(const base::failure& why, const app::caller& by) const {
    return problem(why, by.request_id, shared_.with.log);
}

awaitable<http::response> write_routes::answer(operation_id what, std::string parameter,
                                               http::request incoming, app::caller by) {
    if (!incoming.headers.has("Idempotency-Key") || !is_write(what)) {
        co_return co_await once(what, std::move(parameter), incoming, std::move(by));
    }
    const auto key = std::string(incoming.headers.get("Idempotency-Key"));
    if (key.empty() || key.size() > idempotency_key_max) {
        co_return problem(400, "bad_request", "Idempotency-Key: must be 1 to 100 characters long",
                          by.request_id);
    }
    auto& platform = shared_.with.platform;
    const auto scoped = by.subject + "/" + key;
    const auto payload = payload_of(incoming);
    auto ticket = co_await aio::run_on<app::idempotency_ticket>(
        shared_.with.control, [&] { return platform.begin_idempotent(scoped, payload); });
    if (!ticket) co_return refuse(ticket.error(), by);
    switch (ticket->verdict) {
        case app::idempotency_verdict::in_progress:
            co_return refuse({.code = errc::conflict,
                              .text = "a request with this Idempotency-Key is in progress",
                              .reason = "idempotency_key_in_use"},
                             by);
        case app::idempotency_verdict::other_payload:
            co_return refuse({.code = errc::invalid,
                              .text = "Idempotency-Key: already used for a different request",
                              .reason = "idempotency_key_reused"},
                             by);
        case app::idempotency_verdict::replay: {
            auto response = ticket->done ? accepted_answer(*ticket->done, false, shared_.model)
                                         : answer_again(*ticket->answer);
            response.headers.add("Idempotency-Replayed", "true");
            co_return response;
        }
        case app::idempotency_verdict::first:
            break;
    }
    const auto request_id = by.request_id;
    by.idempotency_key = scoped;
    by.request_digest = payload;
    auto response = co_await once(what, std::move(parameter), incoming, std::move(by));
    if (!is_worth_keeping(response.status, response.body.size())) {
        co_await aio::run_on<void>(shared_.with.control,
                                   [&] { return platform.abandon_idempotent(scoped); });
        co_return response;
    }
    app::stored_response kept{.status = response.status, .body = response.body.to_string()};
    for (const auto& each : response.headers.items()) kept.headers.emplace(each.name, each.value);
    auto finished = co_await aio::run_on<void>(
        shared_.with.control, [&] { return platform.finish_idempotent(scoped, kept); });
    if (!finished) {
        shared_.with.log.warning("idempotency_store_failed",
                                 {{"request_id", request_id}, {"detail", finished.error().text}});
    }
    co_return response;
}

awaitable<http::response> write_routes::once(operation_id what, std::string parameter,
                                             const http::request& incoming, app::caller by) {
    if (what == operation_id::get_metrics_history) {
        co_return co_await history(std::move(parameter), incoming, by);
    }
    if (what == operation_id::get_credentials) {
        co_return co_await credentials(std::move(parameter), std::move(by));
    }
    const auto conditions = conditions_of(incoming);
    if (!conditions) co_return refuse(conditions.error(), by);
    const bool is_project = what == operation_id::create_project ||
                            what == operation_id::patch_project ||
                            what == operation_id::delete_project;
    if (is_project) {
        co_return co_await write_project(what, std::move(parameter), incoming, *conditions,
                                         std::move(by));
    }
    co_return co_await write_database(what, std::move(parameter), incoming, *conditions,
                                      std::move(by));
}

awaitable<http::response> write_routes::write_database(operation_id what, std::string id,
                                                       const http::request& incoming,
                                                       app::write_conditions conditions,
                                                       app::caller by) {
    auto& platform = shared_.with.platform;
    std::move_only_function<aio::task<app::accepted>()> work;
    switch (what) {
        case operation_id::create_database: {
            auto wanted = read_create(incoming.body);
            if (!wanted) co_return refuse(wanted.error(), by);
            work = [&platform, wanted = std::move(*wanted), conditions, by] {
                return platform.create_database(wanted, conditions, by);
            };
            break;
        }
        case operation_id::patch_database: {
            auto wanted = read_patch(incoming.body);
            if (!wanted) co_return refuse(wanted.error(), by);
            work = [&platform, id, wanted = std::move(*wanted), conditions, by] {
                return platform.patch_database(id, wanted, conditions, by);
            };
            break;
        }
        case operation_id::recreate_database:
            work = [&platform, id, conditions, by] {
                return platform.recreate_database(id, conditions, by);
            };
            break;
        default:
            work = [&platform, id, conditions, by] {
                return platform.delete_database(id, conditions, by);
            };
    }
    auto result = co_await aio::run_on<app::accepted>(shared_.with.control, std::move(work));
    if (!result) {
        co_return refuse(result.error(), by);
    }
    co_return accepted_answer(*result, conditions.dry_run, shared_.model);
}

awaitable<http::response> write_routes::write_project(operation_id what, std::string name,
                                                      const http::request& incoming,
                                                      app::write_conditions conditions,
                                                      app::caller by) {
    auto& platform = shared_.with.platform;
    if (what == operation_id::delete_project) {
        auto removed = co_await aio::run_on<void>(
            shared_.with.control, [&] { return platform.delete_project(name, conditions, by); });
        if (!removed) co_return refuse(removed.error(), by);
        co_return http::response{.status = 204};
    }
    auto wanted = read_project(incoming.body);
    if (!wanted) co_return refuse(wanted.error(), by);
    const bool is_new = what == operation_id::create_project;
    auto result =
        co_await aio::run_on<std::shared_ptr<const domain::project>>(shared_.with.control, [&] {
            return is_new ? platform.create_project(*wanted, conditions, by)
                          : platform.patch_project(name, *wanted, conditions, by);
        });
    if (!result) co_return refuse(result.error(), by);
    const auto& project = **result;
    auto response =
        json_answer(http::body(encode(project)), is_new && !conditions.dry_run ? 201 : 200);
    if (is_new) response.headers.add("Location", "/api/v1/projects/" + project.name);
    response.headers.add("ETag", etag_of(project));
    co_return response;
}

awaitable<http::response> write_routes::history(std::string id, const http::request& incoming,
                                                const app::caller& by) {
    // Up to and with the present second.
    const auto now = std::chrono::floor<std::chrono::seconds>(shared_.with.clock.utc_now()) +
                     std::chrono::seconds(1);
    app::history_request wanted{
        .database_id = std::move(id), .from = now - std::chrono::hours(1), .to = now};
    const domain::metric_description* metric = nullptr;
    const auto query = http::parse_query(incoming.query());
    if (!query) co_return problem(400, "bad_request", query.error().text, by.request_id);
    for (const auto& [name, value] : *query) {
        const auto instant = base::from_rfc3339(value);
        if (name == "metric") {
            metric = domain::find_metric(value);
            if (metric == nullptr) {
                co_return problem(400, "bad_request",
                                  fmt::format("metric: unknown metric '{}'", value), by.request_id);
            }
        } else if ((name == "from" || name == "to") && instant) {
            (name == "from" ? wanted.from : wanted.to) = *instant;
        } else if (name == "step") {
            int seconds = 0;
            const auto [end, error] =
                std::from_chars(value.data(), value.data() + value.size(), seconds);
            if (error != std::errc() || end != value.data() + value.size() || seconds < 1 ||
                seconds > 86400) {
                co_return problem(400, "bad_request", "step: must be between 1 and 86400 seconds",
                                  by.request_id);
            }
            wanted.step = std::chrono::seconds(seconds);
        } else {
            const bool known = name == "from" || name == "to";
            co_return problem(400, "bad_request",
                              known ? fmt::format("{}: must be an RFC 3339 timestamp", name)
                                    : fmt::format("unknown query parameter '{}'", name),
                              by.request_id);
        }
    }
    if (metric == nullptr) {
        co_return problem(400, "bad_request", "metric: required", by.request_id);
    }
    wanted.metric = metric->id;
    auto& platform = shared_.with.platform;
    auto found = co_await aio::run_on<app::history_points>(
        shared_.with.control, [&] { return platform.read_history(wanted); });
    if (!found) co_return refuse(found.error(), by);
    std::string text;
    json_writer out(text);
    out.begin_object().member("metric", metric->name).member("unit", metric->unit);
    out.member("step_seconds", static_cast<std::int64_t>(found->step.count()));
    out.key("points").begin_array();
    for (const auto& [when, value] : found->points) {
        out.begin_array().text(base::to_rfc3339(when)).number(value).end_array();
    }
    out.end_array().end_object();
    co_return json_answer(http::body(std::move(text)));
}

awaitable<http::response> write_routes::credentials(std::string id, app::caller by) {
    auto& platform = shared_.with.platform;
    auto login = co_await aio::run_on<ports::credentials>(
        shared_.with.control, [&] { return platform.read_credentials(id, by); });
    if (!login) co_return refuse(login.error(), by);
    auto response = json_answer(http::body(encode(*login)));
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

}  // namespace api
