#include "devcluster/controller/ops.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/quantity.hpp"
#include "base/time_text.hpp"
#include "kube/json_text.hpp"

namespace controller {
namespace {

using base::errc;
using kube::object_at;
using kube::text_at;

const json::object& inner(const json::object& from, std::string_view key) {
    static const json::object none;
    const auto* found = object_at(from, key);
    return found == nullptr ? none : *found;
}

std::string phase_of(const json::object& request) {
    return std::string(text_at(inner(request, "status"), "phase"));
}

bool is_over(const json::object& request) {
    const auto phase = phase_of(request);
    return phase == "Successful" || phase == "Failed" || phase == "Skipped" || phase == "Denied";
}

// What the database's spec becomes by the request: a merge patch. Failure: invalid.
base::outcome<json::object> wanted_spec(const engine_kind& kind, const json::object& object,
                                        const json::object& spec) {
    const auto type = text_at(spec, "type");
    if (type == "VerticalScaling") {
        const auto* component = object_at(inner(spec, "verticalScaling"), kind.component);
        const auto* resources = component == nullptr ? nullptr : object_at(*component, "resources");
        if (resources == nullptr)
            return base::fail(errc::invalid, "the request names no resources");
        return json::object{
            {"podTemplate",
             {{"spec",
               {{"containers", json::array{json::object{{"name", kind.component},
                                                        {"resources", *resources}}}}}}}}};
    }
    if (type == "HorizontalScaling") {
        const auto replicas =
            kube::number_at(inner(spec, "horizontalScaling"), kind.horizontal_key);
        if (!replicas || *replicas < 1)
            return base::fail(errc::invalid, "the request names no replicas");
        return json::object{{"replicas", *replicas}};
    }
    if (type == "VolumeExpansion") {
        const auto size = text_at(inner(spec, "volumeExpansion"), kind.component);
        const auto& claim = inner(inner(object, "spec"), "storage");
        const auto present =
            base::parse_bytes(text_at(inner(inner(claim, "resources"), "requests"), "storage"))
                .value_or(0);
        const auto wanted = base::parse_bytes(size);
        if (!wanted) return base::fail(errc::invalid, "the request names no size");
        if (*wanted < present) return base::fail(errc::invalid, "a volume cannot become smaller");
        return json::object{{"storage", {{"resources", {{"requests", {{"storage", size}}}}}}}};
    }
    if (type == "Restart") return json::object{};
    return base::fail(errc::unsupported,
                      fmt::format("the local operator does not know requests of type {}", type));
}

aio::task<> set_phase(host& with, const engine_kind& kind, const json::object& request,
                      std::string phase, std::string reason, std::string message) {
    const auto& metadata = inner(request, "metadata");
    const auto now = base::to_rfc3339(with.clock.wall());
    auto patched = co_await with.kube.patch(
        request_resource(kind), std::string(text_at(metadata, "namespace")),
        std::string(text_at(metadata, "name")), kube::patch_type::merge,
        json::object{{"status",
                      {{"phase", phase},
                       {"conditions", json::array{condition(phase, true, reason, message, now)}}}}},
        "status", {.field_manager = "local-operator", .strict_fields = false});
    if (!patched && patched.error().code != errc::not_found)
        co_return base::pass(std::move(patched));
    co_return base::outcome<void>{};
}

// Where a request stands is in its own status, so that a restart of the operator goes on with it.
aio::task<bool> serve(host& with, const engine_kind& kind, local_database& database,
                      const json::object& object, const json::object& request) {
    const auto& spec = inner(request, "spec");
    const auto& metadata = inner(object, "metadata");
    const auto change = wanted_spec(kind, object, spec);
    if (!change) {
        auto told = co_await set_phase(with, kind, request, "Failed", "InvalidRequest",
                                       change.error().text);
        if (!told) co_return base::pass(std::move(told));
        co_return true;
    }
    const bool restarts =
        text_at(spec, "type") == "VerticalScaling" || text_at(spec, "type") == "Restart";
    if (phase_of(request) != "Progressing") {
        if (!database.is_ready() && text_at(spec, "apply") != "Always") co_return true;
        database.set_paused(true);
        if (!change->empty()) {
            auto patched = co_await with.kube.patch(
                database_resource(kind), std::string(text_at(metadata, "namespace")),
                std::string(text_at(metadata, "name")), kube::patch_type::merge,
                json::object{{"spec", *change}}, {},
                {.field_manager = "local-operator", .strict_fields = false});
            if (!patched) co_return base::pass(std::move(patched));
        }
        auto told = co_await set_phase(with, kind, request, "Progressing", "Started", "");
        if (!told) co_return base::pass(std::move(told));
        if (restarts) {
            auto wanted = object;
            auto brought = co_await database.reconcile([&] {
                for (const auto& [key, value] : *change) {
                    wanted["spec"].get_object()[key] = value;
                }
                return wanted;
            }());
            if (!brought) co_return base::pass(std::move(brought));
            database.restart_members();
        }
        co_return true;
    }
    if (!database.is_ready()) co_return true;
    const auto replicas = change->if_contains("replicas");
    if (replicas != nullptr && database.member_count() != replicas->get_int64()) co_return true;
    database.set_paused(false);
    auto told = co_await set_phase(with, kind, request, "Successful", "Done", "");
    if (!told) co_return base::pass(std::move(told));
    co_return true;
}

}  // namespace

std::string database_of_request(const json::object& request) {
    return fmt::format("{}/{}", text_at(inner(request, "metadata"), "namespace"),
                       text_at(inner(inner(request, "spec"), "databaseRef"), "name"));
}

aio::task<bool> serve_requests(host& with, const engine_kind& kind, local_database& database,
                               json::object object, std::vector<json::object> requests) {
    std::erase_if(requests, is_over);
    if (requests.empty() || object_at(object, "metadata")->contains("deletionTimestamp")) {
        database.set_paused(false);
        co_return false;
    }
    const auto age = [](const json::object& request) {
        const bool waits = phase_of(request) != "Progressing";
        return fmt::format("{} {} {}", waits ? 1 : 0,
                           text_at(inner(request, "metadata"), "creationTimestamp"),
                           text_at(inner(request, "metadata"), "name"));
    };
    std::ranges::sort(requests, {}, age);
    co_return co_await serve(with, kind, database, object, requests.front());
}

}  // namespace controller
