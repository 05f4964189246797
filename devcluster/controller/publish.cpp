// How a database is told in Kubernetes' objects: the second half of local_database.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "devcluster/controller/local_database.hpp"
#include "kube/json_text.hpp"

namespace controller {
aio::task<> local_database::publish(const json::object& object) {
    if (!wanted_.is_halted) {
        auto told = co_await publish_services();
        if (told) told = co_await publish_members();
        if (told) told = co_await publish_binding();
        if (!told) co_return base::pass(std::move(told), "publish");
    }
    auto told = co_await publish_events();
    if (!told) co_return base::pass(std::move(told), "events");
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
        for (auto& into : services) {
            const bool fits = into.suffix.empty()         ? ordinal == 0 || !engine_->can_follow
                              : into.suffix == "-standby" ? ordinal > 0
                                                          : true;
            const int port = into.suffix == "-stats" ? plan.exporter_port : plan.port;
            if (fits) {
                into.addresses.push_back(
                    {plan.name, pod_address(wanted_, plan.name, host_.makes_up_addresses), port});
            }
        }
    }
    for (auto& each : services) {
        auto told =
            co_await writer_.tell(core("services", "Service"),
                                  service_object(wanted_, each.suffix, each.port, each.port_name));
        if (!told) co_return told;
        told = co_await publish_endpoints(each.suffix, std::move(each.addresses), each.port_name);
        if (!told) co_return told;
    }
    co_return base::ok();
}

aio::task<> local_database::publish_endpoints(std::string suffix,
                                              std::vector<endpoint_address> addresses,
                                              std::string port_name) {
    if (refuses_endpoints_) co_return base::ok();
    auto told = co_await writer_.tell(core("endpoints", "Endpoints"),
                                      endpoints_object(wanted_, suffix, addresses, port_name));
    if (told || told.error().code != base::errc::invalid) co_return told;
    // A real API server takes no addresses on loopback: everything but the way to the metrics
    // works.
    refuses_endpoints_ = true;
    host_.log.warning("endpoints_refused",
                      {{"database", wanted_.name}, {"detail", told.error().text}});
    co_return base::ok();
}

aio::task<> local_database::publish_binding() {
    const auto* first = member_at(0);
    if (first == nullptr || first->plan().port == 0) co_return base::ok();
    if (!facts_.was_provisioned && !first->state().is_ready) co_return base::ok();
    const auto url = fmt::format(fmt::runtime(kind_.url), first->plan().port);
    co_return co_await writer_.tell(bindings(), binding_object(wanted_, url));
}

aio::task<> local_database::publish_members() {
    const auto now = base::to_rfc3339(host_.clock.utc_now());
    const auto pods = core("pods", "Pod");
    int ready = 0;
    for (const int ordinal : ordinals()) {
        const auto name = member_name(wanted_, ordinal);
        if (engine_->keeps_data) {
            auto told = co_await writer_.tell(claims(), claim_object(wanted_, ordinal));
            if (!told) co_return told;
            told = co_await writer_.write_status(
                claims(), wanted_.ns, claim_name(wanted_, ordinal), wanted_.storage,
                {{"phase", "Bound"}, {"capacity", {{"storage", wanted_.storage}}}});
            if (!told) co_return told;
        }
        auto told = co_await writer_.tell(pods, pod_object(wanted_, ordinal));
        if (!told) co_return told;
        const auto* found = member_at(ordinal);
        if (found == nullptr) continue;
        const auto state = found->state();
        ready += state.is_ready ? 1 : 0;
        told = co_await writer_.write_status(
            pods, wanted_.ns, name,
            fmt::format("{} {} {}", state.is_ready, state.restarts, state.trouble),
            pod_status(wanted_, state.is_ready, state.restarts, state.trouble, now,
                       pod_address(wanted_, name, host_.makes_up_addresses)));
        if (!told) co_return told;
    }
    auto told = co_await writer_.tell(pet_sets(), set_object(wanted_));
    if (!told) co_return told;
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
    facts_.trouble.clear();
    for (const auto& [ordinal, each] : members_) {
        const auto& state = each.member->state();
        facts_.ready += state.is_ready ? 1 : 0;
        if (!state.is_ready && facts_.trouble.empty()) {
            facts_.trouble = fmt::format("{}: {}", each.member->plan().name,
                                         state.trouble.empty() ? "starting" : state.trouble);
        }
    }
    if (facts_.accepts && facts_.ready >= facts_.replicas) facts_.was_provisioned = true;
    const auto gist =
        fmt::format("{} {} {} {} {} {} {} {} {}", facts_.replicas, facts_.ready, facts_.accepts,
                    facts_.was_provisioned, facts_.is_halted, facts_.is_paused, facts_.generation,
                    facts_.trouble, facts_.refusal);
    const auto now = base::to_rfc3339(host_.clock.utc_now());
    co_return co_await writer_.write_status(
        database_resource(kind_), wanted_.ns, wanted_.name, gist,
        status_of(facts_,
                  kube::array_or_empty(kube::object_or_empty(object, "status"), "conditions"),
                  now));
}

aio::task<> local_database::publish_events() {
    while (!events_.empty()) {
        const auto event = events_.front();
        const int count = ++event_counts_[event.reason];
        auto told = co_await ensure(
            host_.kube, core("events", "Event"),
            event_object(wanted_, event, count, base::to_rfc3339(host_.clock.utc_now())));
        if (!told) co_return told;
        events_.erase(events_.begin());
    }
    co_return base::ok();
}

}  // namespace controller
