#include "devcluster/controller/database_publisher.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace controller {
namespace {

constexpr std::size_t events_max = 100;

}  // namespace

void database_publisher::add_event(event_text event) {
    if (events_.size() < events_max) events_.push_back(std::move(event));
}

aio::task<> database_publisher::publish_objects(const database_view& view) {
    auto written = co_await publish_services(view);
    if (written) written = co_await publish_members(view);
    if (written) written = co_await publish_binding(view);
    co_return written;
}

aio::task<> database_publisher::publish_services(const database_view& view) {
    struct service {
        std::string suffix;
        int port;
        std::string port_name;
        std::vector<endpoint_address> addresses{};
    };
    std::vector<service> services{{"", kind_.default_port, "primary"},
                                  {"-pods", kind_.default_port, "db"}};
    if (engine_->can_follow) services.push_back({"-standby", kind_.default_port, "standby"});
    if (view.wanted.has_monitor) services.push_back({"-stats", 56790, "metrics"});
    for (const auto& [ordinal, member] : view.members) {
        if (!member->state().is_ready) continue;
        const auto& plan = member->plan();
        for (auto& service_entry : services) {
            const bool fits = service_entry.suffix.empty() ? ordinal == 0 || !engine_->can_follow
                              : service_entry.suffix == "-standby" ? ordinal > 0
                                                                   : true;
            const int port = service_entry.suffix == "-stats" ? plan.exporter_port : plan.port;
            if (fits) {
                service_entry.addresses.push_back(
                    {plan.name, pod_address(view.wanted, plan.name, deps_.uses_synthetic_addresses),
                     port});
            }
        }
    }
    for (auto& each : services) {
        auto written = co_await writer_.write(
            core("services", "Service"),
            service_object(view.wanted, each.suffix, each.port, each.port_name));
        if (!written) co_return written;
        written = co_await publish_endpoints(view.wanted, each.suffix, std::move(each.addresses),
                                             each.port_name);
        if (!written) co_return written;
    }
    co_return base::ok();
}

aio::task<> database_publisher::publish_endpoints(const wanted_database& wanted, std::string suffix,
                                                  std::vector<endpoint_address> addresses,
                                                  std::string port_name) {
    if (rejects_endpoints_) co_return base::ok();
    auto written = co_await writer_.write(core("endpoints", "Endpoints"),
                                          endpoints_object(wanted, suffix, addresses, port_name));
    if (written || written.error().code != base::errc::invalid) co_return written;
    // kube-apiserver rejects loopback addresses. Everything except the metrics works without them.
    rejects_endpoints_ = true;
    deps_.log.warning("endpoints_rejected",
                      {{"database", wanted.name}, {"detail", written.error().text}});
    co_return base::ok();
}

aio::task<> database_publisher::publish_binding(const database_view& view) {
    const auto it = view.members.find(0);
    if (it == view.members.end() || it->second->plan().port == 0) co_return base::ok();
    const auto* first = it->second;
    if (!view.facts.was_provisioned && !first->state().is_ready) co_return base::ok();
    const auto url = fmt::format(fmt::runtime(kind_.url), first->plan().port);
    co_return co_await writer_.write(bindings(), binding_object(view.wanted, url));
}

aio::task<> database_publisher::publish_members(const database_view& view) {
    const auto now = base::to_rfc3339(deps_.clock.utc_now());
    const auto pods = core("pods", "Pod");
    int ready = 0;
    for (const auto& [ordinal, member] : view.members) {
        const auto name = member_name(view.wanted, ordinal);
        if (engine_->keeps_data) {
            auto written = co_await writer_.write(claims(), claim_object(view.wanted, ordinal));
            if (!written) co_return written;
            written = co_await writer_.write_status(
                claims(), view.wanted.ns, claim_name(view.wanted, ordinal), view.wanted.storage,
                {{"phase", "Bound"}, {"capacity", {{"storage", view.wanted.storage}}}});
            if (!written) co_return written;
        }
        auto written = co_await writer_.write(pods, pod_object(view.wanted, ordinal));
        if (!written) co_return written;
        const auto state = member->state();
        ready += state.is_ready ? 1 : 0;
        written = co_await writer_.write_status(
            pods, view.wanted.ns, name,
            fmt::format("{} {} {}", state.is_ready, state.restarts, state.not_ready_reason),
            pod_status(view.wanted, state.is_ready, state.restarts, state.not_ready_reason, now,
                       pod_address(view.wanted, name, deps_.uses_synthetic_addresses)));
        if (!written) co_return written;
    }
    auto written = co_await writer_.write(pet_sets(), set_object(view.wanted));
    if (!written) co_return written;
    const auto count = static_cast<std::int64_t>(view.members.size());
    co_return co_await writer_.write_status(pet_sets(), view.wanted.ns, view.wanted.name,
                                            fmt::format("{} {}", count, ready),
                                            {{"replicas", count}, {"readyReplicas", ready}});
}

aio::task<> database_publisher::publish_status(const database_view& view,
                                               const json::object& object) {
    const auto& facts = view.facts;
    const auto fingerprint =
        fmt::format("{} {} {} {} {} {} {} {} {}", facts.replicas, facts.ready, facts.accepts,
                    facts.was_provisioned, facts.is_halted, facts.is_paused, facts.generation,
                    facts.not_ready_reason, facts.rejection);
    const auto now = base::to_rfc3339(deps_.clock.utc_now());
    co_return co_await writer_.write_status(
        database_resource(kind_), view.wanted.ns, view.wanted.name, fingerprint,
        status_of(facts,
                  json::array_or_empty(json::object_or_empty(object, "status"), "conditions"),
                  now));
}

aio::task<> database_publisher::publish_events(const wanted_database& wanted) {
    while (!events_.empty()) {
        const auto event = events_.front();
        const int count = ++event_counts_[event.reason];
        auto written = co_await ensure(
            deps_.kube, core("events", "Event"),
            event_object(wanted, event, count, base::to_rfc3339(deps_.clock.utc_now())));
        if (!written) co_return written;
        events_.erase(events_.begin());
    }
    co_return base::ok();
}

}  // namespace controller
