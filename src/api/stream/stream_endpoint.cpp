#include "api/stream/stream_endpoint.hpp"

#include <fmt/format.h>

#include <array>

#include "api/limits/client_address.hpp"
#include "api/problem.hpp"
#include "api/request_query.hpp"

namespace api {
namespace {

void append_snapshot(std::string& text, std::string_view kind, std::string_view id,
                     std::int64_t revision, std::string_view object) {
    fmt::format_to(std::back_inserter(text),
                   "event: snapshot\ndata: {{\"kind\":\"{}\",\"id\":\"{}\",\"revision\":{},"
                   "\"object\":{}}}\n\n",
                   kind, id, revision, object);
}

// Returns the current content in parts of about 64 KiB, so that a slow reader costs no more memory
// than that. Finished operations are left out: each record holds up to twenty of them, which
// together are larger than the databases, and GET /operations/{id} returns them.
std::function<shared_text(const stream_access&)> snapshot_of(const read_model& model,
                                                             const stream_access& first) {
    auto all = model.all();
    const auto* ids = first.projects.database_ids();
    auto limited = ids == nullptr ? std::vector<const list_row*>() : model.rows_of(*all, *ids);
    auto database = ids == nullptr ? all->databases.by_name.begin() : all->databases.by_name.end();
    auto project = all->projects->begin();
    auto operation = all->unfinished.begin();
    return [all = std::move(all), limited = std::move(limited), next_limited = 0UZ, database,
            project, operation](const stream_access& visible) mutable -> shared_text {
        constexpr std::size_t part_bytes = 64 * 1024;
        std::string text;
        const auto append = [&](const list_row& row) {
            const auto documents = row.database->slot->documents.load();
            const auto& record = *documents->view->record;
            if (!visible.contains(record.project, record.id)) return;
            append_snapshot(text, "database", record.id, record.revision, *documents->database);
        };
        for (; next_limited < limited.size() && text.size() < part_bytes; ++next_limited) {
            append(*limited[next_limited]);
        }
        for (; database != all->databases.by_name.end() && text.size() < part_bytes; ++database) {
            append(*database);
        }
        for (; project != all->projects->end() && text.size() < part_bytes; ++project) {
            const auto& [name, record] = *project;
            if (!visible.contains(name, {})) continue;
            append_snapshot(text, "project", name, record->revision, encode(*record));
        }
        for (; operation != all->unfinished.end() && text.size() < part_bytes; ++operation) {
            const auto& record = **operation;
            if (!visible.contains(record.project, record.database_id)) continue;
            append_snapshot(text, "operation", record.id, 0, encode(record));
        }
        return text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text));
    };
}

// Returns the number of the last event that the client received; nothing for a new stream.
// UINT64_MAX, which no event has, stands for an event of another process.
std::optional<std::uint64_t> last_event(std::string_view id, const event_ids& ids) {
    if (id.empty()) return std::nullopt;
    return ids.open(id).value_or(UINT64_MAX);
}

stream_access access_of(std::shared_ptr<const domain::principal> caller) {
    const bool reads_projects =
        domain::credential_permits(*caller, domain::permission::read_projects);
    return {.projects = domain::visible_projects(std::move(caller)),
            .reads_projects = reads_projects};
}

// Authenticates and authorizes the stream's request again, since a key may be revoked or expire
// and roles may change while the stream is open.
std::function<bool(stream_access&)> renewal_of(const request_context& context,
                                               const http::request& request) {
    return [&authenticator = context.api.deps.authenticator, header = context.authorization,
            client = request.peer,
            address = client_address(request, context.api.options.limits.trusted_proxies),
            action = *context.route->access.permission()](stream_access& visible) {
        const auto principal = authenticator.authenticate(
            {.authorization = header.reveal(), .client = client, .address = address});
        if (!principal || !domain::may_in_any_project(**principal, action)) return false;
        visible = access_of(*principal);
        return true;
    };
}

constexpr std::array<query_parameter, 2> stream_parameters{
    {{.name = "lastEventId"}, {.name = "Last-Event-ID"}}};

// Returns the id of the last event that the client received; "" for a new stream. A polyfill of
// EventSource cannot set a header and sends a parameter. The header is newer: an EventSource whose
// URL has the parameter sends it when it reconnects. Errors: bad_request.
base::outcome<std::string> last_event_id(const http::request& request) {
    auto items = read_query(request.query(), stream_parameters);
    if (!items) return base::pass(std::move(items));
    if (items->size() > 1) {
        return bad_request("lastEventId: given twice, also as Last-Event-ID; give one of them");
    }
    if (request.headers.has("Last-Event-ID")) {
        return std::string(request.headers.get("Last-Event-ID"));
    }
    return items->empty() ? std::string() : std::move(items->front().value);
}

}  // namespace

http::outgoing_response start_stream(const request_context& context, const http::request& request,
                                     std::shared_ptr<stream_hub> hub) {
    auto& api = context.api;
    const auto event_id = last_event_id(request);
    if (!event_id) return {.response = problem(event_id.error(), context.request_id, api.deps.log)};
    auto permit = api.streams.acquire(
        client_network(client_address(request, api.options.limits.trusted_proxies)));
    if (!permit) {
        return {.response = problem(429, "too_many_streams",
                                    fmt::format("too many event streams from this address (max {})",
                                                api.options.streams_per_client),
                                    context.request_id)};
    }
    stream_hub::subscription_options options{
        .after = last_event(*event_id, api.ids),
        .snapshot = [&model = api.model,
                     visible =
                         access_of(context.principal)] { return snapshot_of(model, visible); },
        .visible = access_of(context.principal),
        .renew = renewal_of(context, request),
        .id_of = [&ids = api.ids](std::uint64_t number) { return ids.seal(number); }};
    http::response head{.status = 200};
    head.headers.add("Content-Type", "text/event-stream");
    // A proxy must not compress the events, because a compressor holds them back.
    head.headers.add("Cache-Control", "no-store, no-transform");
    head.headers.add("X-Accel-Buffering", "no");  // nginx forwards each event at once
    return {.response = std::move(head),
            .stream = [&api, hub = std::move(hub), options = std::move(options),
                       permit = std::move(permit)](http::stream_writer& out) -> aio::task<> {
                api.metrics.streams().add(1);
                // Proxies and clients wait for the first byte of the body.
                auto result = co_await out.write(std::make_shared<const std::string>(": open\n\n"));
                if (result) result = co_await hub->run(out, options);
                api.metrics.streams().add(-1);
                co_return result;
            }};
}

}  // namespace api
