#include "devcluster/controller/request_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantity.hpp"
#include "base/time_text.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace controller {
namespace {

using base::errc;
using json::array_or_empty;
using json::object_or_empty;
using json::text_at;

base::outcome<json::object> vertical_change(const engine_kind& kind, const json::object& spec,
                                            const ops_request& request) {
    const auto& component =
        object_or_empty(object_or_empty(request.spec, "verticalScaling"), kind.component);
    const auto* resources = json::object_at(component, "resources");
    if (resources == nullptr) {
        return base::fail(errc::invalid, fmt::format("the request names no resources at "
                                                     "verticalScaling.{}",
                                                     kind.component));
    }
    // A merge patch replaces whole lists, so it contains the other containers.
    auto containers =
        array_or_empty(object_or_empty(object_or_empty(spec, "podTemplate"), "spec"), "containers");
    const auto it = std::ranges::find_if(containers, [&](const json::value& each) {
        return each.is_object() && text_at(each.get_object(), "name") == kind.component;
    });
    if (it == containers.end()) {
        containers.push_back(json::object{{"name", kind.component}, {"resources", *resources}});
    } else {
        it->get_object()["resources"] = *resources;
    }
    return json::object{{"podTemplate", {{"spec", {{"containers", std::move(containers)}}}}}};
}

base::outcome<json::object> horizontal_change(const engine_kind& kind, const ops_request& request) {
    const auto& wanted = object_or_empty(request.spec, "horizontalScaling");
    const auto replicas = json::number_at(wanted, kind.horizontal_key);
    if (!replicas || *replicas < 1) {
        return base::fail(errc::invalid, fmt::format("the request names no members at "
                                                     "horizontalScaling.{}",
                                                     kind.horizontal_key));
    }
    if (wanted.contains("shards")) {
        return base::fail(errc::unsupported, "there are no shards in the local runtime");
    }
    return json::object{{"replicas", *replicas}};
}

base::outcome<json::object> volume_change(const engine_kind& kind, const json::object& spec,
                                          const ops_request& request) {
    const auto size = text_at(object_or_empty(request.spec, "volumeExpansion"), kind.component);
    const auto wanted = base::parse_bytes(size);
    if (!wanted) {
        return base::fail(errc::invalid, fmt::format("the request names no size at "
                                                     "volumeExpansion.{}",
                                                     kind.component));
    }
    const auto& claim =
        object_or_empty(object_or_empty(object_or_empty(spec, "storage"), "resources"), "requests");
    const auto present = base::parse_bytes(text_at(claim, "storage")).value_or(0);
    if (*wanted < present) {
        return base::fail(errc::invalid, fmt::format("a volume cannot shrink: {} is less than {}",
                                                     size, text_at(claim, "storage")));
    }
    return json::object{{"storage", {{"resources", {{"requests", {{"storage", size}}}}}}}};
}

}  // namespace

bool ops_request::is_over() const {
    return phase == "Successful" || phase == "Failed" || phase == "Skipped" || phase == "Denied";
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    constexpr std::int64_t number_max = 1'000'000;
    if (text.empty()) return std::nullopt;
    std::chrono::seconds sum{0};
    while (!text.empty()) {
        std::int64_t number = 0;
        std::size_t digits = 0;
        while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
            number = number * 10 + (text[digits++] - '0');
            if (number > number_max) return std::nullopt;
        }
        if (digits == 0 || digits == text.size()) return std::nullopt;
        const char unit = text[digits];
        if (unit == 'h') {
            sum += std::chrono::hours(number);
        } else if (unit == 'm') {
            sum += std::chrono::minutes(number);
        } else if (unit == 's') {
            sum += std::chrono::seconds(number);
        } else {
            return std::nullopt;
        }
        text.remove_prefix(digits + 1);
    }
    return sum;
}

ops_request read_request(const json::object& object) {
    const auto& metadata = object_or_empty(object, "metadata");
    const auto& spec = object_or_empty(object, "spec");
    const auto& status = object_or_empty(object, "status");
    ops_request read{.ns = std::string(text_at(metadata, "namespace")),
                     .name = std::string(text_at(metadata, "name")),
                     .uid = std::string(text_at(metadata, "uid")),
                     .database = std::string(text_at(object_or_empty(spec, "databaseRef"), "name")),
                     .type = std::string(text_at(spec, "type")),
                     .phase = std::string(text_at(status, "phase")),
                     .created = std::string(text_at(metadata, "creationTimestamp")),
                     .generation = json::number_at(metadata, "generation").value_or(0),
                     .applies_always = text_at(spec, "apply") == "Always",
                     .spec = spec,
                     .conditions = array_or_empty(status, "conditions")};
    read.timeout = parse_duration(text_at(spec, "timeout")).value_or(read.timeout);
    for (const auto& each : read.conditions) {
        if (!each.is_object() || text_at(each.get_object(), "type") != "Progressing") continue;
        read.started = base::from_rfc3339(text_at(each.get_object(), "lastTransitionTime"));
    }
    return read;
}

request_order order_requests(std::span<const ops_request> all) {
    request_order order;
    const auto is_older = [](const ops_request& a, const ops_request& b) {
        return std::tie(a.created, a.name) < std::tie(b.created, b.name);
    };
    std::vector<const ops_request*> waiting;
    for (const auto& each : all) {
        if (each.is_over()) continue;
        if (!each.is_progressing()) {
            waiting.push_back(&each);
        } else if (order.next == nullptr || is_older(each, *order.next)) {
            order.next = &each;
        }
    }
    std::ranges::sort(waiting, [&](const auto* a, const auto* b) { return is_older(*a, *b); });
    for (std::size_t index = 0; index < waiting.size(); ++index) {
        const ops_request* newest = waiting[index];
        for (auto later = index + 1; later < waiting.size(); ++later) {
            if (waiting[later]->type == newest->type) newest = waiting[later];
        }
        if (newest != waiting[index]) {
            order.skipped.push_back({.request = waiting[index], .winner = newest});
        } else if (order.next == nullptr) {
            order.next = waiting[index];
        }
    }
    return order;
}

base::outcome<json::object> spec_change(const engine_kind& kind, const json::object& spec,
                                        const ops_request& request) {
    if (request.type == "VerticalScaling") return vertical_change(kind, spec, request);
    if (request.type == "HorizontalScaling") return horizontal_change(kind, request);
    if (request.type == "VolumeExpansion") return volume_change(kind, spec, request);
    if (request.type == "Restart") return json::object{};
    return base::fail(errc::unsupported,
                      fmt::format("the local operator does not know requests of type {}",
                                  request.type.empty() ? "(none)" : request.type));
}

bool is_applied(const json::object& patch, const json::object& spec) {
    return std::ranges::all_of(patch, [&](const auto& each) {
        const auto* present = spec.if_contains(each.key());
        if (present == nullptr) return each.value().is_null();
        if (each.value().is_object() && present->is_object()) {
            return is_applied(each.value().get_object(), present->get_object());
        }
        return *present == each.value();
    });
}

}  // namespace controller
