#include "devcluster/controller/ops.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace controller {
namespace {

struct request_verdict {
    std::string phase;
    std::string reason;
    std::string message;
};

aio::task<> set_phase(operator_deps& deps, const engine_kind& kind, const ops_request& request,
                      request_verdict verdict) {
    auto conditions = request.conditions;
    put_condition(conditions, condition(verdict.phase, true, verdict.reason, verdict.message,
                                        base::to_rfc3339(deps.clock.utc_now())));
    auto patched = co_await deps.kube.patch(
        request_resource(kind), request.ns, request.name, kube::patch_type::merge,
        json::object{{"status",
                      {{"phase", verdict.phase},
                       {"observedGeneration", request.generation},
                       {"conditions", std::move(conditions)}}}},
        "status", own_write());
    if (!patched && patched.error().code != base::errc::not_found) {
        co_return base::pass(std::move(patched), request.name);
    }
    co_return base::ok();
}

aio::task<> begin(operator_deps& deps, const engine_kind& kind, local_database& database,
                  const ops_request& request) {
    if (database.is_settled() || request.applies_always) {
        database.set_paused(true);
        co_return co_await set_phase(deps, kind, request, {"Progressing", "Started", ""});
    }
    if (request.phase == "Pending") co_return base::ok();
    co_return co_await set_phase(
        deps, kind, request, {"Pending", "DatabaseNotReady", "waits for the database to be ready"});
}

bool is_overdue(const operator_deps& deps, const ops_request& request) {
    return request.started && deps.clock.utc_now() > *request.started + request.timeout;
}

aio::task<> continue_request(operator_deps& deps, const engine_kind& kind, local_database& database,
                             const json::object& spec, const json::object& change,
                             const ops_request& request) {
    database.set_paused(true);
    if (!is_applied(change, spec)) {
        auto patched = co_await deps.kube.patch(database_resource(kind), request.ns,
                                                request.database, kube::patch_type::merge,
                                                json::object{{"spec", change}}, {}, own_write());
        if (!patched) co_return base::pass(std::move(patched), request.name);
        co_return base::ok();  // the watch brings the object back
    }
    if (request.restarts()) database.restart_members(request.uid, !request.applies_always);
    if (database.is_settled()) {
        database.set_paused(false);
        co_return co_await set_phase(deps, kind, request, {"Successful", "Done", ""});
    }
    if (!is_overdue(deps, request)) co_return base::ok();
    database.forget_restarts();
    database.set_paused(false);
    co_return co_await set_phase(
        deps, kind, request,
        {"Failed", "TimedOut",
         fmt::format("the database was not ready after {} s", request.timeout.count())});
}

}  // namespace

aio::task<bool> serve_requests(operator_deps& deps, const engine_kind& kind,
                               local_database& database, json::object object,
                               std::vector<ops_request> requests) {
    const auto order = order_requests(requests);
    for (const auto& each : order.skipped) {
        auto written = co_await set_phase(
            deps, kind, *each.request,
            {"Skipped", "Superseded",
             fmt::format("skipped as {}/{} is newer", each.winner->ns, each.winner->name)});
        if (!written) co_return base::pass(std::move(written));
    }
    const auto* metadata = json::object_at(object, "metadata");
    const auto* spec = json::object_at(object, "spec");
    if (order.next == nullptr || spec == nullptr || metadata->contains("deletionTimestamp")) {
        database.forget_restarts();
        database.set_paused(false);
        co_return false;
    }
    const auto& request = *order.next;
    auto change = spec_change(kind, *spec, request);
    if (!change) {
        database.forget_restarts();
        database.set_paused(false);
        auto written = co_await set_phase(deps, kind, request,
                                          {"Failed", "InvalidRequest", change.error().text});
        if (!written) co_return base::pass(std::move(written));
        co_return true;
    }
    auto step = request.is_progressing()
                    ? continue_request(deps, kind, database, *spec, *change, request)
                    : begin(deps, kind, database, request);
    auto stepped = co_await std::move(step);
    if (!stepped) co_return base::pass(std::move(stepped));
    co_return true;
}

aio::task<> reject_requests(operator_deps& deps, const engine_kind& kind,
                            std::vector<ops_request> requests) {
    for (const auto& each : requests) {
        if (each.is_over()) continue;
        auto written = co_await set_phase(deps, kind, each,
                                          {"Failed", "DatabaseNotFound",
                                           fmt::format("there is no {} '{}' in namespace '{}'",
                                                       kind.kind, each.database, each.ns)});
        if (!written) co_return written;
    }
    co_return base::ok();
}

}  // namespace controller
