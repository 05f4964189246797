#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "devcluster/controller/local_database.hpp"
#include "kube/json_text.hpp"

namespace controller {
aio::task<> local_database::publish(const json::object& object) {
    if (!wanted_.is_halted) {
        auto written = co_await publish_services();
        if (written) written = co_await publish_members();
        if (written) written = co_await publish_binding();
        if (!written) co_return base::pass(std::move(written), "publish");
    }
    auto written = co_await publish_events();
    if (!written) co_return base::pass(std::move(written), "events");
    co_return co_await publish_status(object);
}

aio::task<> local_database::publish_services() {
    struct service {
        std::string suffix;
        int port;
        std::string port_name;
        std::vector<endpoint_address> addresses{};
    };
    std::vector<service> services{{"", kind_.default_port, "primary"},
                                  {"-pods", kind_.default_port, "db"}};
    if (engine_->can_follow) services.push_back({"-standby", kind_.default_port, "standby"});
    if (wanted_.has_monitor) services.push_back({"-stats", 56790, "metrics"});
    for (const auto& [ordinal, each] : members_) {
        if (!each.member->state().is_ready) continue;
        const auto& plan = each.member->plan();
        for (auto& service_entry : services) {
            const bool fits = service_entry.suffix.empty() ? ordinal == 0 || !engine_->can_follow
                              : service_entry.suffix == "-standby" ? ordinal > 0
                                                                   : true;
            const int port = service_entry.suffix == "-stats" ? plan.exporter_port : plan.port;
            if (fits) {
                service_entry.addresses.push_back(
                    {plan.name, pod_address(wanted_, plan.name, deps_.uses_synthetic_addresses),
                     port});
            }
        }
    }
    for (auto& each : services) {
        auto written =
            co_await writer_.write(core("services", "Service"),
                                   service_object(wanted_, each.suffix, each.port, each.port_name));
        if (!written) co_return written;
        written =
            co_await publish_endpoints(each.suffix, std::move(each.addresses), each.port_name);
        if (!written) co_return written;
    }
    co_return base::ok();
}

aio::task<> local_database::publish_endpoints(std::string suffix,
                                              std::vector<endpoint_address> addresses,
                                              std::string port_name) {
    if (rejects_endpoints_) co_return base::ok();
    auto written = co_await writer_.write(core("endpoints", "Endpoints"),
                                          endpoints_object(wanted_, suffix, addresses, port_name));
    if (written || written.error().code != base::errc::invalid) co_return written;
    // kube-apiserver rejects loopback addresses. Everything except the metrics works without them.
    rejects_endpoints_ = true;
    deps_.log.warning("endpoints_rejected",
                      {{"database", wanted_.name}, {"detail", written.error().text}});
    co_return base::ok();
}

aio::task<> local_database::publish_binding() {
    const auto* first = member_at(0);
    if (first == nullptr || first->plan().port == 0) co_return base::ok();
    if (!facts_.was_provisioned && !first->state().is_ready) co_return base::ok();
    const auto url = fmt::format(fmt::runtime(kind_.url), first->plan().port);
    co_return co_await writer_.write(bindings(), binding_object(wanted_, url));
}

aio::task<> local_database::publish_members() {
    const auto now = base::to_rfc3339(deps_.clock.utc_now());
    const auto pods = core("pods", "Pod");
    int ready = 0;
    for (const int ordinal : ordinals()) {
        const auto name = member_name(wanted_, ordinal);
        if (engine_->keeps_data) {
            auto written = co_await writer_.write(claims(), claim_object(wanted_, ordinal));
            if (!written) co_return written;
            written = co_await writer_.write_status(
                claims(), wanted_.ns, claim_name(wanted_, ordinal), wanted_.storage,
                {{"phase", "Bound"}, {"capacity", {{"storage", wanted_.storage}}}});
            if (!written) co_return written;
        }
        auto written = co_await writer_.write(pods, pod_object(wanted_, ordinal));
        if (!written) co_return written;
        const auto* member = member_at(ordinal);
        if (member == nullptr) continue;
        const auto state = member->state();
        ready += state.is_ready ? 1 : 0;
        written = co_await writer_.write_status(
            pods, wanted_.ns, name,
            fmt::format("{} {} {}", state.is_ready, state.restarts, state.not_ready_reason),
            pod_status(wanted_, state.is_ready, state.restarts, state.not_ready_reason, now,
                       pod_address(wanted_, name, deps_.uses_synthetic_addresses)));
        if (!written) co_return written;
    }
    auto written = co_await writer_.write(pet_sets(), set_object(wanted_));
    if (!written) co_return written;
    const auto count = static_cast<std::int64_t>(members_.size());
    co_return co_await writer_.write_status(pet_sets(), wanted_.ns, wanted_.name,
                                            fmt::format("{} {}", count, ready),
                                            {{"replicas", count}, {"readyReplicas", ready}});
}

aio::task<> local_database::publish_status(const json::object& object) {
    facts_.replicas = wanted_.replicas;
    facts_.is_halted = wanted_.is_halted;
    facts_.generation = wanted_.generation;
    facts_.accepts = is_ready(0);
    facts_.ready = 0;
    facts_.not_ready_reason.clear();
    for (const auto& [ordinal, each] : members_) {
        const auto& state = each.member->state();
        facts_.ready += state.is_ready ? 1 : 0;
        if (!state.is_ready && facts_.not_ready_reason.empty()) {
            facts_.not_ready_reason =
                fmt::format("{}: {}", each.member->plan().name,
                            state.not_ready_reason.empty() ? "starting" : state.not_ready_reason);
        }
    }
    if (facts_.accepts && facts_.ready >= facts_.replicas) facts_.was_provisioned = true;
    const auto fingerprint =
        fmt::format("{} {} {} {} {} {} {} {} {}", facts_.replicas, facts_.ready, facts_.accepts,
                    facts_.was_provisioned, facts_.is_halted, facts_.is_paused, facts_.generation,
                    facts_.not_ready_reason, facts_.rejection);
    const auto now = base::to_rfc3339(deps_.clock.utc_now());
    co_return co_await writer_.write_status(
        database_resource(kind_), wanted_.ns, wanted_.name, fingerprint,
        status_of(facts_,
                  kube::array_or_empty(kube::object_or_empty(object, "status"), "conditions"),
                  now));
}

aio::task<> local_database::publish_events() {
    while (!events_.empty()) {
        const auto event = events_.front();
        const int count = ++event_counts_[event.reason];
        auto written = co_await ensure(
            deps_.kube, core("events", "Event"),
            event_object(wanted_, event, count, base::to_rfc3339(deps_.clock.utc_now())));
        if (!written) co_return written;
        events_.erase(events_.begin());
    }
    co_return base::ok();
}

}  // namespace controller
