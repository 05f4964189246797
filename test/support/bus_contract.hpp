#pragma once
// What every ports::bus must do. An adapter's test includes this and instantiates it with a
// function that makes a bus on the given executor.

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "aio/aio.hpp"
#include "aio/block_on.hpp"
#include "ports/bus.hpp"

namespace fakes {

using bus_factory = std::function<std::unique_ptr<ports::bus>(aio::executor)>;

class bus_contract : public ::testing::TestWithParam<bus_factory> {};

TEST_P(bus_contract, tells_the_listeners_of_a_channel) {
    aio::loop loop;
    const auto bus = GetParam()(loop.executor());
    std::string heard;
    auto first = bus->subscribe("one", [&](const std::string& text) { heard += "1" + text; });
    const auto second =
        bus->subscribe("two", [&](const std::string& text) { heard += "2" + text; });
    aio::task_group group(loop.executor());
    group.spawn(bus->publish("one", "a"));
    while (heard.empty()) loop.poll();
    EXPECT_EQ(heard, "1a");
    first.reset();
    group.spawn(bus->publish("one", "b"));
    group.spawn(bus->publish("two", "c"));
    while (heard.size() < 4) loop.poll();
    EXPECT_EQ(heard, "1a2c");
    EXPECT_TRUE(bus->is_connected());
}

TEST_P(bus_contract, refuses_messages_over_64_kib) {
    aio::loop loop;
    const auto bus = GetParam()(loop.executor());
    const auto refused = aio::block_on(bus->publish("one", std::string(65 * 1024, 'x')));
    EXPECT_EQ(refused.error().code, base::errc::limit);
}

}  // namespace fakes
