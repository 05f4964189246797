#include "api/endpoints/write_endpoints.hpp"

#include <fmt/format.h>

#include <array>

#include "aio/run_on.hpp"
#include "api/etag.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "api/read_model/allowed_actions.hpp"
#include "api/request_query.hpp"
#include "app/identity/credential_text.hpp"
#include "base/fnv1a.hpp"
#include "domain/preset_rules.hpp"
#include "http/gzip.hpp"
#include "http/server.hpp"

namespace api {
namespace {

using base::errc;
using boost::asio::awaitable;

constexpr std::size_t idempotency_key_bytes_max = 100;
constexpr std::size_t stored_response_bytes_max = std::size_t{256} * 1024;

constexpr std::array<query_parameter, 1> write_parameters{{{.name = "dry_run"}}};

http::response problem_of(const base::failure& failure, const request_context& context) {
    return problem(failure, context.request_id, context.api.deps.log);
}

// Identifies the content of a request: a retry has the same fingerprint, another request under the
// same key does not.
std::string request_fingerprint(const http::request& request) {
    constexpr std::string_view separator = "\xff";
    const auto target_hash = base::fnv1a(separator, base::fnv1a(request.target));
    const auto hash = base::fnv1a(separator, base::fnv1a(request.body, target_hash));
    return fmt::format("{} {:016x} {}", http::name(request.verb), hash, request.body.size());
}

// Reads the parameters of the query and If-Match. Errors: bad_request, precondition.
base::outcome<app::write_conditions> read_conditions(const http::request& request) {
    app::write_conditions conditions;
    auto query = read_query(request.query(), write_parameters);
    if (!query) return base::pass(std::move(query));
    for (const auto& [name, value] : *query) {
        if (value != "true" && value != "false") {
            return bad_request("dry_run: must be true or false");
        }
        conditions.dry_run = value == "true";
    }
    auto versions = read_if_match(request);
    if (!versions) return base::pass(std::move(versions));
    conditions.if_match = std::move(*versions);
    return conditions;
}

http::response accepted_response(const app::accepted& accepted, bool dry_run,
                                 const domain::principal& caller) {
    const auto& record = *accepted.database->record;
    const auto document = encode(*accepted.database);
    const allowed_actions actions(caller, {.project = record.project, .database = record.id});
    std::string database;
    actions.append(document, database);
    std::string text;
    json::writer out(text);
    out.begin_object().key("database").raw(database).key("operation");
    if (accepted.operation) {
        write(out, *accepted.operation);
    } else {
        out.null();
    }
    out.end_object();
    const bool is_done = dry_run || !accepted.operation;
    auto response = json_response(http::body(std::move(text)), is_done ? 200 : 202);
    if (dry_run) return response;
    response.headers.add("Location", "/api/v1/databases/" + record.id);
    response.headers.add("ETag", etag_of(record.revision, actions.mix(hash_of_database(document))));
    return response;
}

// Returns the error response if the principal may not create the database in its project.
std::optional<http::response> check_creation(const domain::create_request& wanted,
                                             const request_context& context) {
    if (!wanted.project || context.principal->is_unlimited()) return std::nullopt;
    const auto checked = domain::check_creation(*context.principal, wanted);
    if (checked) return std::nullopt;
    const auto action = *context.route->access.permission();
    if (checked.error().cause == domain::creation_cause::exceeds_preset) {
        context.api.metrics.count_denial(action);
        return problem_of(checked.error(), context);
    }
    const auto& project = *wanted.project;
    if (context.visible(domain::permission::read_projects).contains(project)) {
        return missing_permission(context, action, {.project = project});
    }
    return problem(404, "project_not_found", fmt::format("there is no project '{}'", project),
                   context.request_id);
}

awaitable<http::response> write_database(const request_context& context, std::string_view body_text,
                                         app::write_conditions conditions, app::caller caller) {
    auto& databases = context.api.deps.platform.databases;
    const auto& id = context.parameter;
    std::move_only_function<aio::task<app::accepted>()> work;
    switch (context.route->id) {
        case endpoint::create_database: {
            auto body = read_create(body_text);
            if (!body) co_return problem_of(body.error(), context);
            if (auto response = check_creation(*body, context)) {
                co_return std::move(*response);
            }
            work = [&databases, body = std::move(*body), conditions, caller] {
                return databases.create_database(body, conditions, caller);
            };
            break;
        }
        case endpoint::patch_database: {
            auto body = read_patch(body_text);
            if (!body) co_return problem_of(body.error(), context);
            work = [&databases, id, body = std::move(*body), conditions, caller] {
                return databases.patch_database(id, body, conditions, caller);
            };
            break;
        }
        case endpoint::recreate_database:
            work = [&databases, id, conditions, caller] {
                return databases.recreate_database(id, conditions, caller);
            };
            break;
        default:
            work = [&databases, id, conditions, caller] {
                return databases.delete_database(id, conditions, caller);
            };
    }
    const auto accepted =
        co_await aio::run_on<app::accepted>(context.api.deps.control, std::move(work));
    if (!accepted) co_return problem_of(accepted.error(), context);
    co_return accepted_response(*accepted, conditions.dry_run, *context.principal);
}

using shared_project = std::shared_ptr<const domain::project>;

bool has_quota(const domain::project_request& wanted) noexcept {
    return wanted.max_databases || wanted.max_cpu || wanted.max_memory || wanted.max_storage;
}

bool is_same_quota(const domain::project& a, const domain::project& b) noexcept {
    return a.max_databases == b.max_databases && a.max_cpu_millis == b.max_cpu_millis &&
           a.max_memory_bytes == b.max_memory_bytes && a.max_storage_bytes == b.max_storage_bytes;
}

// The quota bounds the owners of a project, so that they must not change it. A patch that repeats
// the present one is accepted, and then writes no quota: another process may have changed it.
awaitable<std::optional<http::response>> check_quota(const request_context& context,
                                                     domain::project_request& wanted,
                                                     app::write_conditions conditions,
                                                     const app::caller& caller) {
    constexpr auto permission = domain::permission::create_projects;
    if (!has_quota(wanted) || domain::may(*context.principal, permission, "")) {
        co_return std::nullopt;
    }
    auto& projects = context.api.deps.platform.projects;
    const auto& control = context.api.deps.control;
    const auto& name = context.parameter;
    conditions.dry_run = true;
    const auto next = co_await aio::run_on<shared_project>(
        control, [&] { return projects.patch_project(name, wanted, conditions, caller); });
    if (!next) co_return problem_of(next.error(), context);
    const auto present = co_await aio::run_on<shared_project>(
        control, [&] { return projects.patch_project(name, {}, conditions, caller); });
    if (!present) co_return problem_of(present.error(), context);
    if (!is_same_quota(**next, **present)) {
        context.api.metrics.count_denial(permission);
        co_return problem(403, "denied",
                          "quota: must be changed by an administrator whose credential has the "
                          "permission projects.create",
                          context.request_id);
    }
    wanted.max_databases.reset();
    wanted.max_cpu.reset();
    wanted.max_memory.reset();
    wanted.max_storage.reset();
    co_return std::nullopt;
}

awaitable<http::response> write_project(const request_context& context, std::string_view body_text,
                                        app::write_conditions conditions, app::caller caller) {
    auto& projects = context.api.deps.platform.projects;
    const auto& control = context.api.deps.control;
    const auto& name = context.parameter;
    if (context.route->id == endpoint::delete_project) {
        const auto deleted = co_await aio::run_on<void>(
            control, [&] { return projects.delete_project(name, conditions, caller); });
        if (!deleted) co_return problem_of(deleted.error(), context);
        co_return http::response{.status = 204};
    }
    auto body = read_project(body_text);
    if (!body) co_return problem_of(body.error(), context);
    const bool is_new = context.route->id == endpoint::create_project;
    if (!is_new) {
        auto response = co_await check_quota(context, *body, conditions, caller);
        if (response) co_return std::move(*response);
    }
    const auto record = co_await aio::run_on<shared_project>(control, [&] {
        return is_new ? projects.create_project(*body, conditions, caller)
                      : projects.patch_project(name, *body, conditions, caller);
    });
    if (!record) co_return problem_of(record.error(), context);
    const auto& project = **record;
    const bool is_created = is_new && !conditions.dry_run;
    auto document = encode(project);
    auto etag = etag_of(project.revision, project.created_at, base::fnv1a(document));
    auto response = json_response(http::body(std::move(document)), is_created ? 201 : 200);
    if (is_new) response.headers.add("Location", "/api/v1/projects/" + project.name);
    response.headers.add("ETag", std::move(etag));
    co_return response;
}

http::response undecodable_body(const base::failure& failure, const request_context& context) {
    if (failure.code == errc::limit) {
        return problem(413, "body_too_large", failure.text, context.request_id);
    }
    return problem(400, "bad_request", "Content-Encoding: " + failure.text, context.request_id);
}

}  // namespace

base::outcome<app::seen_versions> read_if_match(const http::request& request) {
    const auto header = request.headers.get("If-Match");
    if (!request.headers.has("If-Match") || header == "*") return std::nullopt;
    const auto tags = http::parse_entity_tags(header);
    if (!tags) {
        return bad_request("If-Match: must be * or entity tags such as \"5-af63dc4c8601ec8c\"");
    }
    std::vector<app::seen_version> versions;
    for (const auto& tag : *tags) {
        const auto version = version_of(tag);
        if (version) versions.push_back(*version);
    }
    if (versions.empty()) {
        return base::fail(errc::precondition,
                          "If-Match: contains no revision; send the ETag of the object",
                          "revision_mismatch");
    }
    return versions;
}

std::optional<http::response> decompress(const request_context& context,
                                         const http::request& request, std::string& out) {
    if (!is_gzip(request.headers.get("Content-Encoding")) || context.route->body.empty()) {
        return std::nullopt;
    }
    auto bytes = http::gunzip(request.body, http::request_body_bytes_max);
    if (!bytes) return undecodable_body(bytes.error(), context);
    out = std::move(*bytes);
    return std::nullopt;
}

namespace {

// Runs the write once, without regard to idempotency keys.
awaitable<http::response> write(const request_context& context, const http::request& request,
                                app::write_conditions conditions, app::caller caller) {
    if (context.hides_target) co_return no_such_target(context);
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    switch (context.route->id) {
        case endpoint::create_project:
        case endpoint::patch_project:
        case endpoint::delete_project:
            co_return co_await write_project(context, body, std::move(conditions),
                                             std::move(caller));
        default:
            co_return co_await write_database(context, body, std::move(conditions),
                                              std::move(caller));
    }
}

http::response replay(const app::idempotency_ticket& ticket, const domain::principal& caller) {
    if (ticket.done) {
        auto response = accepted_response(*ticket.done, false, caller);
        response.headers.add("Idempotency-Replayed", "true");
        return response;
    }
    const auto& stored = *ticket.answer;
    http::response response{.status = stored.status, .body = http::body(stored.body)};
    for (const auto& [name, value] : stored.headers) response.headers.add(name, value);
    response.headers.add("Idempotency-Replayed", "true");
    return response;
}

// Stores a success for retries, or releases the key.
awaitable<void> close_ticket(const request_context& context, const http::response& response,
                             const std::string& key) {
    auto& keys = context.api.deps.platform.keys;
    const auto& control = context.api.deps.control;
    if (!is_worth_keeping(response.status, response.body.size())) {
        co_await aio::run_on<void>(control, [&] { return keys.abandon_idempotent(key); });
        co_return;
    }
    app::stored_response stored{.status = response.status, .body = response.body.to_string()};
    for (const auto& header : response.headers.items()) {
        stored.headers.emplace(header.name, header.value);
    }
    const auto finished =
        co_await aio::run_on<void>(control, [&] { return keys.finish_idempotent(key, stored); });
    if (finished) co_return;
    context.api.deps.log.warning("idempotency_store_failed", {{"request_id", context.request_id},
                                                              {"detail", finished.error().text}});
}

}  // namespace

bool is_worth_keeping(unsigned status, std::size_t bytes) noexcept {
    return status >= 200 && status < 300 && bytes <= stored_response_bytes_max;
}

awaitable<http::response> respond_to_write(const request_context& context,
                                           const http::request& request,
                                           const app::audited& /*act*/) {
    auto caller = context.caller();
    // Before a stored response, which would hide an invalid header.
    auto conditions = read_conditions(request);
    if (!conditions) co_return problem_of(conditions.error(), context);
    if (!request.headers.has("Idempotency-Key")) {
        co_return co_await write(context, request, std::move(*conditions), std::move(caller));
    }
    const auto header = request.headers.get("Idempotency-Key");
    if (header.empty() || header.size() > idempotency_key_bytes_max) {
        co_return problem(400, "bad_request", "Idempotency-Key: must be 1 to 100 characters long",
                          context.request_id);
    }
    if (app::contains_credential(header)) {
        co_return problem(400, "bad_request", "Idempotency-Key: must not contain a credential",
                          context.request_id);
    }
    auto& keys = context.api.deps.platform.keys;
    const auto key = fmt::format("{}/{}", context.idempotency_scope(), header);
    const auto fingerprint = request_fingerprint(request);
    const auto ticket = co_await aio::run_on<app::idempotency_ticket>(
        context.api.deps.control, [&] { return keys.begin_idempotent(key, fingerprint); });
    if (!ticket) co_return problem_of(ticket.error(), context);
    switch (ticket->verdict) {
        case app::idempotency_verdict::in_progress:
            co_return problem_of({.code = errc::conflict,
                                  .text = "a request with this Idempotency-Key is in progress",
                                  .reason = "idempotency_key_in_use",
                                  .retry_after = std::chrono::seconds(1)},
                                 context);
        case app::idempotency_verdict::other_payload:
            co_return problem_of({.code = errc::invalid,
                                  .text = "Idempotency-Key: already used for a different request",
                                  .reason = "idempotency_key_reused"},
                                 context);
        case app::idempotency_verdict::replay:
            co_return replay(*ticket, *context.principal);
        case app::idempotency_verdict::first:
            break;
    }
    caller.idempotency_key = key;
    caller.request_digest = fingerprint;
    auto response = co_await write(context, request, std::move(*conditions), std::move(caller));
    co_await close_ticket(context, response, key);
    co_return response;
}

}  // namespace api
