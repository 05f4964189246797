#include "devcluster/controller/ops.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "kube/json_text.hpp"

namespace controller {
namespace {

struct request_verdict {
    std::string phase;
    std::string reason;
    std::string message;
};

aio::task<> set_phase(host& with, const engine_kind& kind, const ops_request& request,
                      request_verdict verdict) {
    auto conditions = request.conditions;
    put_condition(conditions, condition(verdict.phase, true, verdict.reason, verdict.message,
                                        base::to_rfc3339(with.clock.utc_now())));
    auto patched = co_await with.kube.patch(
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

aio::task<> begin(host& with, const engine_kind& kind, local_database& database,
                  const ops_request& request) {
    if (database.is_settled() || request.applies_always) {
        database.set_paused(true);
        co_return co_await set_phase(with, kind, request, {"Progressing", "Started", ""});
    }
    if (request.phase == "Pending") co_return base::ok();
    co_return co_await set_phase(
        with, kind, request, {"Pending", "DatabaseNotReady", "waits for the database to be ready"});
}

bool is_late(const host& with, const ops_request& request) {
    return request.started && with.clock.utc_now() > *request.started + request.timeout;
}

aio::task<> go_on(host& with, const engine_kind& kind, local_database& database,
                  const json::object& spec, const json::object& change,
                  const ops_request& request) {
    database.set_paused(true);
    if (!is_applied(change, spec)) {
        auto patched = co_await with.kube.patch(database_resource(kind), request.ns,
                                                request.database, kube::patch_type::merge,
                                                json::object{{"spec", change}}, {}, own_write());
        if (!patched) co_return base::pass(std::move(patched), request.name);
        co_return base::ok();  // the watch brings the object back
    }
    if (request.restarts()) database.restart_members(request.uid, !request.applies_always);
    if (database.is_settled()) {
        database.set_paused(false);
        co_return co_await set_phase(with, kind, request, {"Successful", "Done", ""});
    }
    if (!is_late(with, request)) co_return base::ok();
    database.forget_restarts();
    database.set_paused(false);
    co_return co_await set_phase(
        with, kind, request,
        {"Failed", "TimedOut",
         fmt::format("the database was not ready after {} s", request.timeout.count())});
}

}  // namespace

aio::task<bool> serve_requests(host& with, const engine_kind& kind, local_database& database,
                               json::object object, std::vector<ops_request> requests) {
    const auto order = order_requests(requests);
    for (const auto& each : order.skipped) {
        auto told = co_await set_phase(
            with, kind, *each.request,
            {"Skipped", "Superseded",
             fmt::format("skipped as {}/{} is newer", each.by->ns, each.by->name)});
        if (!told) co_return base::pass(std::move(told));
    }
    const auto* metadata = kube::object_at(object, "metadata");
    const auto* spec = kube::object_at(object, "spec");
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
        auto told = co_await set_phase(with, kind, request,
                                       {"Failed", "InvalidRequest", change.error().text});
        if (!told) co_return base::pass(std::move(told));
        co_return true;
    }
    auto step = request.is_progressing() ? go_on(with, kind, database, *spec, *change, request)
                                         : begin(with, kind, database, request);
    auto stepped = co_await std::move(step);
    if (!stepped) co_return base::pass(std::move(stepped));
    co_return true;
}

aio::task<> refuse_requests(host& with, const engine_kind& kind,
                            std::vector<ops_request> requests) {
    for (const auto& each : requests) {
        if (each.is_over()) continue;
        auto told = co_await set_phase(with, kind, each,
                                       {"Failed", "DatabaseNotFound",
                                        fmt::format("there is no {} '{}' in namespace '{}'",
                                                    kind.kind, each.database, each.ns)});
        if (!told) co_return told;
    }
    co_return base::ok();
}

}  // namespace controller
