#include "kubedb/event_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "test/support/manual_clock.hpp"

namespace kubedb {
namespace {

using namespace std::chrono_literals;

const ports::database_key cache{"shop", "redis", "cache"};
const ports::database_key cache_b{"shop", "redis", "cache-b"};
const std::string ns = "dbaas-shop";

base::instant at(std::chrono::seconds time) {
    return base::instant(1'800'000'000s + time);
}

object_reference reference(std::string kind, std::string name) {
    return {.kind = std::move(kind), .ns = ns, .name = std::move(name)};
}

class event_index_test : public testing::Test {
  protected:
    void put(const object_reference& object, const std::string& id, std::chrono::seconds time,
             int count = 1, const std::optional<ports::database_key>& owner = {}) {
        index_.put(object, id,
                   {.type = "Warning",
                    .reason = "Unhealthy",
                    .message = "probe failed",
                    .object = object.kind + "/" + object.name,
                    .count = count,
                    .first_seen = at(0s),
                    .last_seen = at(time)},
                   owner);
    }
    [[nodiscard]] std::vector<std::string> objects_of(const ports::database_key& key) const {
        std::vector<std::string> objects;
        for (const auto& event : index_.events_of(key, {})) objects.push_back(event.object);
        return objects;
    }
    using names = std::vector<std::string>;

    fakes::manual_clock clock_;
    event_index index_{clock_, {.events_max = 3, .waiting_max = 4, .waiting_time = 600s}};
};

// Runs the steps in every order. The result must be the same.
void for_each_order(std::vector<std::function<void(event_index&)>> steps,
                    const std::function<void(const event_index&)>& check) {
    std::vector<std::size_t> order(steps.size());
    for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
    const fakes::manual_clock clock;
    do {
        event_index index(clock, {});
        for (const auto step : order) steps[step](index);
        check(index);
    } while (std::ranges::next_permutation(order).found);
}

domain::event event_of(const object_reference& object, std::chrono::seconds time, int count = 1) {
    return {.type = "Warning",
            .reason = "Unhealthy",
            .message = "probe failed",
            .object = object.kind + "/" + object.name,
            .count = count,
            .last_seen = at(time)};
}

TEST(event_index, attributes_events_and_objects_in_any_order) {
    const auto add = [](const ports::database_key& key) {
        return [&key](event_index& index) { index.add_database(key); };
    };
    const auto report = [](const object_reference& object, const char* id,
                           std::chrono::seconds time, int count = 1) {
        return [=](event_index& index) {
            index.put(object, id, event_of(object, time, count), std::nullopt);
        };
    };
    const auto pod = reference("Pod", "cache-0");
    const auto other = reference("Pod", "cache-b-0");
    for_each_order({add(cache), add(cache_b), report(pod, "aa.1", 20s, 7), report(pod, "zz.1", 10s),
                    report(reference("PetSet", "cache-b"), "b.1", 3s), report(other, "b.2", 4s)},
                   [](const event_index& index) {
                       const auto events = index.events_of(cache, {});
                       ASSERT_EQ(events.size(), 1U);
                       EXPECT_EQ(events[0].count, 7);
                       EXPECT_EQ(events[0].last_seen, at(20s));
                       const auto others = index.events_of(cache_b, {});
                       ASSERT_EQ(others.size(), 2U);
                       EXPECT_EQ(others[0].object, "PetSet/cache-b");
                       EXPECT_EQ(others[1].object, "Pod/cache-b-0");
                       EXPECT_EQ(index.waiting(), 0U);
                   });
}

TEST_F(event_index_test, takes_the_owner_of_the_labels) {
    // The name alone would belong to "cache".
    const auto pod = reference("Pod", "cache-shard0-0");
    const ports::database_key labeled{"shop", "redis", "other"};
    index_.add_database(cache);
    put(pod, "a.1", 1s);
    EXPECT_EQ(objects_of(cache).size(), 1U);
    EXPECT_EQ(index_.set_owner(pod, labeled), (event_index::key_set{cache, labeled}));
    EXPECT_TRUE(objects_of(cache).empty());
    put(pod, "a.1", 2s, 2, labeled);
    EXPECT_EQ(objects_of(labeled).size(), 1U);
    EXPECT_TRUE(index_.add_database({"shop", "redis", "cache-shard0"}).empty());
    EXPECT_EQ(objects_of(labeled).size(), 1U);
}

TEST_F(event_index_test, leaves_an_event_at_the_owner_of_the_labels) {
    const auto pod = reference("Pod", "cache-shard0-0");
    index_.add_database(cache);
    put(pod, "a.1", 1s);
    EXPECT_TRUE(index_.set_owner(pod, cache).empty());
    EXPECT_TRUE(index_.add_database({"shop", "redis", "cache-shard0"}).empty());
    EXPECT_EQ(objects_of(cache).size(), 1U);
}

TEST_F(event_index_test, keeps_the_newest_events_of_a_database) {
    index_.add_database(cache);
    for (const auto number : {4, 1, 3, 5, 2}) {
        const auto name = "cache-" + std::to_string(number);
        put(reference("Pod", name), name, std::chrono::seconds(number));
    }
    EXPECT_EQ(objects_of(cache), (names{"Pod/cache-3", "Pod/cache-4", "Pod/cache-5"}));
}

TEST_F(event_index_test, replaces_an_event_by_its_newer_state) {
    index_.add_database(cache);
    const auto pod = reference("Pod", "cache-0");
    put(pod, "a.1", 10s, 108);
    put(pod, "a.1", 20s, 109);
    put(pod, "a.1", 10s, 108);
    const auto events = index_.events_of(cache, {});
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].count, 109);
}

TEST_F(event_index_test, drops_the_oldest_of_too_many_waiting_events) {
    for (int number = 0; number < 6; ++number) {
        const auto name = "cache-" + std::to_string(number);
        put(reference("Pod", name), name, 1s);
    }
    EXPECT_EQ(index_.waiting(), 4U);
    index_.add_database(cache);
    EXPECT_EQ(index_.waiting(), 0U);
    EXPECT_EQ(objects_of(cache), (names{"Pod/cache-3", "Pod/cache-4", "Pod/cache-5"}));
}

TEST_F(event_index_test, drops_a_waiting_event_that_expired) {
    put(reference("Pod", "cache-0"), "a.1", 1s);
    clock_.advance(601s);
    put(reference("Pod", "cache-1"), "a.2", 1s);
    index_.add_database(cache);
    EXPECT_EQ(objects_of(cache), (names{"Pod/cache-1"}));
}

TEST_F(event_index_test, leaves_events_of_a_deleted_database_to_no_namesake) {
    index_.add_database(cache);
    index_.add_database(cache_b);
    index_.remove_database(cache_b);
    put(reference("Pod", "cache-b-0"), "b.1", 1s);
    put(reference("PersistentVolumeClaim", "data-cache-b-0"), "b.2", 1s);
    EXPECT_TRUE(objects_of(cache).empty());
    EXPECT_TRUE(objects_of(cache_b).empty());
    index_.add_database(cache_b);
    EXPECT_EQ(objects_of(cache_b).size(), 2U);
    EXPECT_TRUE(index_.events_of(cache_b, at(2s)).empty()) << "older than the new object";
}

TEST_F(event_index_test, leaves_an_ambiguous_name_without_an_owner) {
    const ports::database_key namesake{"shop", "postgres", "cache"};
    const auto set = reference("PetSet", "cache");
    for (const auto* first : {&cache, &namesake}) {
        const auto* second = first == &cache ? &namesake : &cache;
        index_.add_database(*first);
        put(set, "a.1", 1s);
        index_.add_database(*second);
        EXPECT_TRUE(objects_of(cache).empty());
        EXPECT_TRUE(objects_of(namesake).empty());
        index_.remove_database(*first);
        index_.remove_database(*second);
    }
}

}  // namespace
}  // namespace kubedb
