#include "api/endpoints/read_endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/etag.hpp"
#include "api/problem.hpp"
#include "api/read_model/list_queries.hpp"
#include "base/time_text.hpp"
#include "domain/engines.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"

namespace api {
namespace {

constexpr std::size_t gzip_least = 1024;

http::response no_such(std::string_view what, const std::string& id,
                       const std::string& request_id) {
    return problem(404, "not_found", fmt::format("there is no {} '{}'", what, id), request_id);
}

http::response not_modified(std::string etag) {
    http::response response{.status = 304};
    response.headers.add("ETag", std::move(etag));
    return response;
}

// Large lists are packed for those who can unpack them.
http::response list_answer(std::string text, const http::request& incoming) {
    const bool packed =
        text.size() >= gzip_least && http::accepts_gzip(incoming.headers.get("Accept-Encoding"));
    auto response =
        json_answer(packed ? http::body(http::gzip(text)) : http::body(std::move(text)));
    if (packed) response.headers.add("Content-Encoding", "gzip");
    response.headers.add("Vary", "Accept-Encoding");
    return response;
}

}  // namespace

http::response json_answer(http::body body, unsigned status) {
    http::response response{.status = status, .body = std::move(body)};
    response.headers.add("Content-Type", "application/json");
    return response;
}

std::optional<http::response> read_routes::answer(operation_id what, const std::string& parameter,
                                                  const http::request& incoming,
                                                  const std::string& request_id) {
    switch (what) {
        case operation_id::list_databases: {
            const auto wanted = read_list_query(incoming.query());
            if (!wanted) return problem(wanted.error(), request_id, shared_.with.log);
            auto text = list_databases(*shared_.model.all(), *wanted);
            if (!text) return problem(text.error(), request_id, shared_.with.log);
            return list_answer(std::move(*text), incoming);
        }
        case operation_id::get_database:
        case operation_id::get_status:
        case operation_id::get_metrics:
        case operation_id::list_events:
        case operation_id::list_database_operations:
            return of_database(what, parameter, incoming, request_id);
        case operation_id::list_operations:
            return operations({}, incoming, request_id);
        case operation_id::get_operation: {
            const auto found = shared_.model.operation(parameter);
            if (!found) return no_such("operation", parameter, request_id);
            return json_answer(http::body(encode(*found)));
        }
        case operation_id::list_engines:
            return engines();
        case operation_id::list_engine_versions:
            return versions(parameter, request_id);
        case operation_id::list_projects: {
            std::vector<std::string> items;
            const auto all = shared_.model.all();
            for (const auto& [name, each] : *all->projects) items.push_back(encode(*each));
            const auto total = items.size();
            return list_answer(list_document(items, total), incoming);
        }
        case operation_id::get_project: {
            const auto all = shared_.model.all();
            const auto at = all->projects->find(parameter);
            if (at == all->projects->end()) return no_such("project", parameter, request_id);
            const auto etag = etag_of(*at->second);
            if (is_known(incoming.headers.get("If-None-Match"), etag)) return not_modified(etag);
            auto response = json_answer(http::body(encode(*at->second)));
            response.headers.add("ETag", etag);
            return response;
        }
        case operation_id::live:
            return json_answer(http::body(std::string(R"({"status":"alive"})")));
        case operation_id::ready:
            return readiness();
        case operation_id::platform_metrics:
            return platform_metrics();
        case operation_id::openapi:
            return shared_.openapi->answer(incoming);
        case operation_id::home: {
            http::response response{.status = 303};
            response.headers.add("Location", "/docs");
            return response;
        }
        case operation_id::docs:
            return shared_.docs->page(incoming);
        case operation_id::static_file: {
            auto found = shared_.docs->file(parameter, incoming);
            return found ? std::move(*found) : no_such("page", parameter, request_id);
        }
        default:
            return std::nullopt;
    }
}

std::optional<http::response> read_routes::of_database(operation_id what, const std::string& id,
                                                       const http::request& incoming,
                                                       const std::string& request_id) {
    const auto documents = shared_.model.database(id);
    if (!documents) return no_such("database", id, request_id);
    if (what == operation_id::list_database_operations) return operations(id, incoming, request_id);
    if (what == operation_id::get_metrics) return metrics(documents, incoming, request_id);
    if (what == operation_id::list_events) return json_answer(http::body(documents->events));
    const auto& etag = documents->etag;
    if (is_known(incoming.headers.get("If-None-Match"), etag)) return not_modified(etag);
    auto response = json_answer(
        http::body(what == operation_id::get_status ? documents->status : documents->database));
    response.headers.add("ETag", etag);
    if (documents->view->observed) {
        response.headers.add("X-Observed-At",
                             base::to_rfc3339(documents->view->observed->observed_at));
    }
    return response;
}

http::response read_routes::metrics(const documents_pointer& documents,
                                    const http::request& incoming, const std::string& request_id) {
    const auto& view = *documents->view;
    const auto now = shared_.with.clock.utc_now();
    auto age = metrics_age(view, now);
    const auto updated = view.sample ? base::to_rfc3339(view.sample->observed_at) : std::string();
    shared_.with.log.info(
        "metrics_returned_from_cache",
        {{"database_id", view.record->id}, {"last_updated", updated}, {"request_id", request_id}});
    // The age moves with every second: the tag is weak, and names the state as well.
    const bool is_fresh = age.find("\"status\":\"fresh\"") != std::string::npos;
    auto etag = documents->metrics_etag;
    if (!is_fresh) etag.insert(etag.size() - 1, "-old");
    if (is_known(incoming.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    http::body body(documents->metrics);
    body.split_at = documents->metrics_split;
    body.middle = std::move(age);
    auto response = json_answer(std::move(body));
    response.headers.add("ETag", std::move(etag));
    if (view.sample) {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(now - view.sample->observed_at)
                .count();
        response.headers.add("Age", std::to_string(std::max<std::int64_t>(0, seconds)));
        response.headers.add("X-Observed-At", updated);
    }
    return response;
}

http::response read_routes::operations(const std::string& database_id,
                                       const http::request& incoming,
                                       const std::string& request_id) const {
    auto wanted = read_operation_query(incoming.query());
    if (!wanted) return problem(400, "bad_request", wanted.error().text, request_id);
    wanted->database_id = database_id;
    auto page = list_operations(*shared_.model.all(), *wanted);
    if (!page) return problem(page.error(), request_id, shared_.with.log);
    return list_answer(std::move(*page), incoming);
}

http::response read_routes::engines() const {
    const auto offer = shared_.model.all()->catalogue;
    std::vector<std::string> items;
    for (const auto& each : domain::all_engines()) {
        std::string text;
        json_writer out(text);
        const auto range = [&out](std::string_view key, const domain::replica_range& of) {
            out.key(key);
            if (!of.supported()) {
                out.null();
                return;
            }
            out.begin_object().member("min", of.least).member("max", of.most);
            out.member("odd_only", of.odd_only).end_object();
        };
        out.begin_object().member("engine", each.engine).member("display_name", each.display_name);
        out.member("installed", offer && offer->engines.contains(each.engine));
        out.key("topologies").begin_object().member("standalone", each.standalone);
        range("replicated", each.replicated);
        range("shards", each.shards);
        range("shard_replicas", each.shard_replicas);
        out.end_object()
            .member("has_volumes", each.has_volumes)
            .member("can_pause", each.can_pause);
        out.end_object();
        items.push_back(std::move(text));
    }
    const auto total = items.size();
    return json_answer(http::body(list_document(items, total)));
}

http::response read_routes::versions(const std::string& engine,
                                     const std::string& request_id) const {
    if (domain::find_engine(engine) == nullptr) return no_such("engine", engine, request_id);
    const auto offer = shared_.model.all()->catalogue;
    std::vector<std::string> items;
    const auto at = offer ? offer->engines.find(engine) : decltype(offer->engines.find(engine)){};
    if (offer && at != offer->engines.end()) {
        for (const auto& each : at->second) {
            std::string text;
            json_writer out(text);
            out.begin_object().member("name", each.name).member("version", each.version);
            out.member("deprecated", each.deprecated).member("distribution", each.distribution);
            out.end_object();
            items.push_back(std::move(text));
        }
    }
    const auto total = items.size();
    return json_answer(http::body(list_document(items, total)));
}

// A probe costs no I/O: it reads what the loops last reported.
http::response read_routes::readiness() const {
    const auto& health = shared_.with.health;
    const auto now = shared_.with.clock.now();
    const auto database = health.database();
    const auto cache = health.cache();
    const auto sync = health.state(app::background::status_sync, now);
    const auto is_good = [](app::component_state state) {
        return state == app::component_state::connected ||
               state == app::component_state::embedded || state == app::component_state::running;
    };
    const bool ready =
        !health.is_stopping() && is_good(database) && is_good(cache) && is_good(sync);
    auto response =
        json_answer(http::body(fmt::format(R"({{"status":"{}","database":"{}","redis":"{}",)"
                                           R"("background_services":{{"status_sync":"{}"}}}})",
                                           ready ? "ready" : "not_ready", app::name(database),
                                           app::name(cache), app::name(sync))),
                    ready ? 200 : 503);
    response.headers.add("Cache-Control", "no-store");
    return response;
}

http::response read_routes::platform_metrics() const {
    http::response response{.status = 200, .body = http::body(shared_.with.registry.expose())};
    response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

}  // namespace api
