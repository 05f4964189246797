#pragma once
// The contract suite of ports::bus. The test of an adapter includes this file and instantiates the
// suite with a factory that makes a bus on the given executor.

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "aio/aio.hpp"
#include "aio/block_on.hpp"
#include "ports/bus.hpp"

namespace fakes {

using bus_factory = std::function<std::unique_ptr<ports::bus>(aio::executor)>;

class bus_contract : public ::testing::TestWithParam<bus_factory> {};

TEST_P(bus_contract, publish_notifies_the_subscribers_of_the_channel_only) {
    aio::loop loop;
    const auto bus = GetParam()(loop.executor());
    std::string received;
    auto first = bus->subscribe("one", [&](const std::string& text) { received += "1" + text; });
    const auto second =
        bus->subscribe("two", [&](const std::string& text) { received += "2" + text; });
    aio::task_group group(loop.executor());
    group.spawn(bus->publish("one", "a"));
    while (received.empty()) loop.poll();
    EXPECT_EQ(received, "1a");
    first.reset();
    group.spawn(bus->publish("one", "b"));
    group.spawn(bus->publish("two", "c"));
    while (received.size() < 4) loop.poll();
    EXPECT_EQ(received, "1a2c");
    EXPECT_TRUE(bus->is_connected());
}

TEST_P(bus_contract, publish_of_more_than_64_kib_is_a_limit_error) {
    aio::loop loop;
    const auto bus = GetParam()(loop.executor());
    const auto rejected = aio::block_on(bus->publish("one", std::string(65 * 1024, 'x')));
    EXPECT_EQ(rejected.error().code, base::errc::limit);
}

}  // namespace fakes
