#include "api/endpoints/read_endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "api/endpoints/list_response.hpp"
#include "api/etag.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "api/read_model/allowed_actions.hpp"
#include "api/read_model/item_page.hpp"
#include "api/read_model/list_queries.hpp"
#include "base/fnv1a.hpp"
#include "base/time_text.hpp"
#include "domain/engines.hpp"
#include "http/negotiation.hpp"

namespace api {
namespace {

http::response list_databases_response(const request_context& context,
                                       const http::request& request) {
    auto& log = context.api.deps.log;
    const auto query = read_list_query(request.query());
    if (!query) return problem(query.error(), context.request_id, log);
    auto page =
        list_databases(context.api.model, *query, context.visible(), context.principal.get());
    if (!page) return problem(page.error(), context.request_id, log);
    return list_response(std::move(page->text), page->hash, request);
}

// `database_id`: empty for the operations of all databases.
http::response list_operations_response(const std::string& database_id,
                                        const request_context& context,
                                        const http::request& request) {
    auto query = read_operation_query(request.query());
    if (!query) return problem(query.error(), context.request_id, context.api.deps.log);
    query->database_id = database_id;
    auto page = list_operations(*context.api.model.all(), *query, context.visible());
    if (!page) return problem(page.error(), context.request_id, context.api.deps.log);
    const auto hash = base::fnv1a(*page);
    return list_response(std::move(*page), hash, request);
}

// Newest first. An event that occurs again moves to the front.
http::response list_events_response(const database_documents& documents,
                                    const request_context& context, const http::request& request) {
    std::vector<page_item> items;
    const auto& observed = documents.view->observed;
    if (observed) {
        for (const auto& event : observed->events) {
            auto text = encode(event);
            const auto time = event.last_seen ? event.last_seen : event.first_seen;
            items.push_back(
                {.position = fmt::format("{} {:016x}", time ? base::to_rfc3339_micro(*time) : "",
                                         base::fnv1a(text)),
                 .text = std::move(text)});
        }
    }
    std::ranges::sort(items, std::greater(), &page_item::position);
    return page_response("events", items, position_order::descending, context, request);
}

http::response metrics_response(const database_documents& documents, const request_context& context,
                                const http::request& request) {
    const auto& view = *documents.view;
    const auto now = context.api.deps.clock.utc_now();
    const auto age = age_of_sample(view, now);
    const auto updated = view.sample ? base::to_rfc3339(view.sample->observed_at) : std::string();
    context.api.deps.log.info("metrics_returned_from_cache",
                              {{"database_id", view.record->id},
                               {"last_updated", updated},
                               {"request_id", context.request_id},
                               obs::trace_field(context.trace).value()});
    // The age grows with every second, so the tag is weak. It names the state as well.
    const auto hash = base::fnv1a(age.message, base::fnv1a(age.reason, documents.metrics_hash));
    auto etag = weak_etag_of(hash, app::name(age.state));
    if (is_known(request.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    http::body body(documents.metrics);
    body.split_at = documents.metrics_split;
    body.middle = encode_age(age);
    auto response = json_response(std::move(body));
    response.headers.add("ETag", std::move(etag));
    if (age.seconds) {
        response.headers.add("Age", std::to_string(*age.seconds));
        response.headers.add("X-Observed-At", updated);
    }
    return response;
}

http::response database_response(const request_context& context, const http::request& request) {
    const auto documents = context.api.model.database(context.parameter);
    if (!documents) return no_such_target(context);
    switch (context.route->id) {
        case endpoint::list_database_operations:
            return list_operations_response(context.parameter, context, request);
        case endpoint::get_metrics:
            return metrics_response(*documents, context, request);
        case endpoint::list_events:
            return list_events_response(*documents, context, request);
        default:
            break;
    }
    const auto& record = *documents->view->record;
    const bool is_status = context.route->id == endpoint::get_status;
    const allowed_actions actions(*context.principal,
                                  {.project = record.project, .database = record.id});
    auto etag = is_status || actions.is_all()
                    ? documents->etag
                    : etag_of(record.revision, actions.mix(documents->hash));
    if (is_known(request.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    auto response = json_response(is_status ? http::body(documents->status)
                                            : actions.splice(documents->database));
    response.headers.add("ETag", std::move(etag));
    if (documents->view->observed) {
        response.headers.add("X-Observed-At",
                             base::to_rfc3339(documents->view->observed->observed_at));
    }
    return response;
}

http::response operation_response(const request_context& context, const http::request& request) {
    const auto operation = context.api.model.operation(context.parameter);
    if (!operation) return no_such_target(context);
    auto document = encode(*operation);
    auto etag = etag_of_content(document);
    return document_response(std::move(document), std::move(etag), request);
}

http::response list_projects_response(const request_context& context,
                                      const http::request& request) {
    std::vector<page_item> items;
    const auto all = context.api.model.all();
    const auto visible = context.visible(domain::permission::read_projects);
    for (const auto& [name, record] : *all->projects) {
        if (visible.contains(name)) items.push_back({name, encode(*record)});
    }
    return page_response("projects", items, position_order::ascending, context, request);
}

http::response project_response(const request_context& context, const http::request& request) {
    const auto all = context.api.model.all();
    const auto entry = all->projects->find(context.parameter);
    if (entry == all->projects->end()) return no_such_target(context);
    const auto& record = *entry->second;
    auto document = encode(record);
    auto etag = etag_of(record.revision, record.created_at, base::fnv1a(document));
    return document_response(std::move(document), std::move(etag), request);
}

void write_range(json::writer& out, std::string_view key, const domain::replica_range& range) {
    out.key(key);
    if (!range.supported()) {
        out.null();
        return;
    }
    out.begin_object().member("min", range.min).member("max", range.max);
    out.member("odd_only", range.odd_only).end_object();
}

http::response list_engines_response(const request_context& context, const http::request& request) {
    const auto catalogue = context.api.model.all()->catalogue;
    std::vector<page_item> items;
    for (const auto& rules : domain::all_engines()) {
        std::string text;
        json::writer out(text);
        out.begin_object().member("engine", rules.engine);
        out.member("display_name", rules.display_name);
        out.member("installed", catalogue && catalogue->engines.contains(rules.engine));
        out.key("topologies").begin_object().member("standalone", rules.standalone);
        write_range(out, "replicated", rules.replicated);
        write_range(out, "shards", rules.shards);
        write_range(out, "shard_replicas", rules.shard_replicas);
        out.end_object().key("groups").begin_array();
        for (const auto& group : rules.groups) {
            out.begin_object().member("role", group.role);
            out.member("mode", domain::name(group.mode));
            write_range(out, "replicas", group.replicas);
            out.member("default_replicas", group.replicas_default);
            out.member("has_storage", group.storage != domain::group_storage::none);
            out.member("scales_horizontally", group.scales_horizontally);
            out.member("scales_vertically", group.scales_vertically);
            out.member("expands_volumes", group.expands_volumes).end_object();
        }
        out.end_array().member("has_volumes", rules.has_volumes);
        out.member("can_pause", rules.can_pause).end_object();
        items.push_back({std::string(rules.engine), std::move(text)});
    }
    return page_response("engines", items, position_order::none, context, request);
}

http::response list_versions_response(const request_context& context,
                                      const http::request& request) {
    const auto& engine = context.parameter;
    if (domain::find_engine(engine) == nullptr) {
        return problem(404, "not_found", fmt::format("there is no engine '{}'", engine),
                       context.request_id);
    }
    const auto catalogue = context.api.model.all()->catalogue;
    std::vector<page_item> items;
    if (catalogue) {
        const auto entry = catalogue->engines.find(engine);
        const auto versions = entry == catalogue->engines.end()
                                  ? std::vector<ports::engine_version>()
                                  : entry->second;
        for (const auto& version : versions) {
            std::string text;
            json::writer out(text);
            out.begin_object().member("name", version.name).member("version", version.version);
            out.member("deprecated", version.deprecated);
            out.member("distribution", version.distribution).end_object();
            items.push_back({version.name, std::move(text)});
        }
    }
    return page_response("versions of " + engine, items, position_order::none, context, request);
}

// Reads what the loops last reported, so that a probe costs no I/O.
// With "for=reads" the replica is ready while it serves reads, which need neither the store nor the
// cluster: if all replicas lose both, a load balancer still finds one.
http::response readiness_response(const request_context& context, const http::request& request) {
    const auto& health = context.api.deps.health;
    const auto now = context.api.deps.clock.now();
    const auto database = health.database();
    const auto sync = health.state(app::background::status_sync, now);
    const auto is_good = [](app::component_state state) {
        return state == app::component_state::connected ||
               state == app::component_state::embedded || state == app::component_state::running;
    };
    const bool serves_reads = sync != app::component_state::starting;
    // Without Redis the replicas read the store more often, so it does not count.
    const bool serves_all = is_good(database) && is_good(sync);
    const bool is_ready =
        !health.is_stopping() && (request.query() == "for=reads" ? serves_reads : serves_all);
    auto response =
        json_response(http::body(fmt::format(R"({{"status":"{}","database":"{}","redis":"{}",)"
                                             R"("background_services":{{"status_sync":"{}"}}}})",
                                             is_ready ? "ready" : "not_ready", app::name(database),
                                             app::name(health.bus()), app::name(sync))),
                      is_ready ? 200 : 503);
    response.headers.add("Cache-Control", "no-store");
    return response;
}

http::response platform_metrics_response(const request_context& context) {
    http::response response{.status = 200, .body = http::body(context.api.deps.registry.expose())};
    response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

http::response redirect_to_docs() {
    http::response response{.status = 303};
    response.headers.add("Location", "/docs");
    return response;
}

http::response file_response(const request_context& context, const http::request& request) {
    auto response = context.api.docs->file(context.parameter, request);
    if (response) return std::move(*response);
    return problem(404, "not_found", fmt::format("there is no page '{}'", context.parameter),
                   context.request_id);
}

}  // namespace

std::optional<http::response> respond_from_cache(const request_context& context,
                                                 const http::request& request) {
    switch (context.route->id) {
        case endpoint::list_databases:
            return list_databases_response(context, request);
        case endpoint::get_database:
        case endpoint::get_status:
        case endpoint::get_metrics:
        case endpoint::list_events:
        case endpoint::list_database_operations:
            return database_response(context, request);
        case endpoint::list_operations:
            return list_operations_response({}, context, request);
        case endpoint::get_operation:
            return operation_response(context, request);
        case endpoint::list_engines:
            return list_engines_response(context, request);
        case endpoint::list_engine_versions:
            return list_versions_response(context, request);
        case endpoint::list_projects:
            return list_projects_response(context, request);
        case endpoint::get_project:
            return project_response(context, request);
        case endpoint::live:
            return json_response(http::body(std::string(R"({"status":"alive"})")));
        case endpoint::ready:
            return readiness_response(context, request);
        case endpoint::platform_metrics:
            return platform_metrics_response(context);
        case endpoint::openapi:
            return context.api.openapi->respond(request);
        case endpoint::docs:
            return context.api.docs->page(request);
        case endpoint::static_file:
            return file_response(context, request);
        case endpoint::home:
            return redirect_to_docs();
        default:
            return std::nullopt;
    }
}

}  // namespace api
