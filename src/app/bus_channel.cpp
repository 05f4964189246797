#include "app/bus_channel.hpp"

#include <algorithm>
#include <utility>

#include "base/fnv1a.hpp"

namespace app {
namespace {

// A message that the bus has lost stays in the list until later ones push it out.
constexpr std::size_t sent_max = 64;

}  // namespace

bus_channel::bus_channel(ports::bus& bus, std::string name, const base::clock& clock,
                         probe& metrics)
    : bus_(bus), name_(std::move(name)), clock_(clock), metrics_(metrics) {}

void bus_channel::subscribe(ports::bus::subscriber target) {
    target_ = std::move(target);
    subscription_ = bus_.subscribe(
        name_, {.on_message = [this](const std::string& message) { receive(message); },
                .on_resumed =
                    [this] {
                        if (target_.on_resumed) target_.on_resumed();
                    }});
}

aio::task<> bus_channel::publish(std::string message) {
    const auto size = message.size();
    pending_.push_back({.hash = base::fnv1a(message), .when = clock_.now()});
    if (pending_.size() > sent_max) pending_.pop_front();
    auto published = co_await bus_.publish(name_, std::move(message));
    if (published) {
        metrics_.bus_messages_sent.add();
        metrics_.bus_bytes_sent.add(size);
    }
    co_return published;
}

void bus_channel::receive(const std::string& message) {
    metrics_.bus_messages_received.add();
    metrics_.bus_bytes_received.add(message.size());
    const auto it = std::ranges::find(pending_, base::fnv1a(message), &sent_message::hash);
    if (it != pending_.end()) {
        const std::chrono::duration<double> delay = clock_.now() - it->when;
        metrics_.bus_delay_seconds.observe(delay.count());
        pending_.erase(pending_.begin(), std::next(it));
    }
    target_.on_message(message);
}

}  // namespace app
