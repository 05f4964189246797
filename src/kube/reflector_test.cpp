#include "kube/reflector.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace {

using kube::reflector;
using step = kube::reflector::step;

// Mirrors what it is told.
class mirror final : public kube::informer_listener {
  public:
    std::map<std::string, std::string> objects;  // name -> uid
    int synced = 0;
    bool linked = false;
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        EXPECT_TRUE(text.starts_with('{') && text.ends_with('}')) << text;
        objects[meta.name] = meta.uid;
    }
    void on_delete(const kube::object_meta& meta) override { objects.erase(meta.name); }
    void on_synced() override { ++synced; }
    void on_link(bool connected, const std::string&) override { linked = connected; }
};

std::string object(const std::string& name, const std::string& uid, int version) {
    return fmt::format(
        R"({{"spec":{{"name":"not this"}},"metadata":{{"name":"{}","namespace":"t","uid":"{}",)"
        R"("resourceVersion":"{}"}}}})",
        name, uid, version);
}
std::string frame(const std::string& type, const std::string& body) {
    return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, body);
}
std::string page(const std::vector<std::string>& items, int version, const std::string& next = {}) {
    std::string joined;
    for (const auto& each : items) joined += (joined.empty() ? "" : ",") + each;
    return fmt::format(
        R"({{"kind":"L","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
        version, next, joined);
}

class reflecting : public testing::Test {
  protected:
    void list(const std::vector<std::string>& items, int version) {
        ASSERT_EQ(machine_.next().what, step::list);
        ASSERT_TRUE(machine_.on_page(page(items, version)));
    }
    mirror seen_;
    reflector machine_{{.seed = 1}, seen_};
};

TEST_F(reflecting, lists_in_pages_then_watches_from_there) {
    EXPECT_EQ(machine_.next().what, step::list);
    ASSERT_TRUE(machine_.on_page(page({object("a", "1", 1)}, 5, "more")));
    const auto second = machine_.next();
    EXPECT_EQ(second.continue_token, "more");
    EXPECT_EQ(seen_.synced, 0);
    ASSERT_TRUE(machine_.on_page(page({object("b", "2", 2)}, 5)));
    EXPECT_EQ(seen_.synced, 1);
    const auto watch = machine_.next();
    EXPECT_EQ(watch.what, step::watch);
    EXPECT_EQ(watch.resource_version, "5");
    EXPECT_GE(watch.timeout.count(), 300);
    EXPECT_EQ(seen_.objects.size(), 2U);
}

TEST_F(reflecting, reads_frames_cut_at_every_byte) {
    const auto text = frame("ADDED", object("a", "1", 6)) + frame("BOOKMARK", object("", "", 7)) +
                      frame("MODIFIED", object("a", "1", 8)) +
                      frame("DELETED", object("z", "9", 9));
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        mirror seen;
        reflector machine({.seed = 1}, seen);
        (void)machine.next();
        ASSERT_TRUE(machine.on_page(page({object("z", "9", 1)}, 5)));
        (void)machine.next();
        ASSERT_TRUE(machine.on_bytes(text.substr(0, cut)));
        ASSERT_TRUE(machine.on_bytes(text.substr(cut)));
        EXPECT_EQ(seen.objects, (std::map<std::string, std::string>{{"a", "1"}}));
        machine.on_watch_ended();
        EXPECT_EQ(machine.next().resource_version, "9");
    }
}

TEST_F(reflecting, a_clean_end_needs_no_list) {
    list({}, 5);
    for (int turn = 0; turn < 100; ++turn) {
        EXPECT_EQ(machine_.next().what, step::watch);
        machine_.on_watch_ended();
    }
    EXPECT_EQ(machine_.counters().lists, 1U);
}

TEST_F(reflecting, relists_after_gone_and_finds_what_is_missing) {
    list({object("a", "1", 1), object("b", "2", 2)}, 5);
    (void)machine_.next();
    const auto error =
        machine_.on_bytes(frame("ERROR", R"({"kind":"Status","code":410,"reason":"Expired"})"));
    ASSERT_FALSE(error);
    EXPECT_EQ(error.error().code, base::errc::gone);
    machine_.on_watch_failed(error.error());
    list({object("b", "other", 7)}, 9);
    EXPECT_EQ(seen_.objects, (std::map<std::string, std::string>{{"b", "other"}}));
    EXPECT_EQ(seen_.synced, 1);
}

TEST_F(reflecting, waits_between_failures_and_says_that_the_link_is_down) {
    list({}, 5);
    EXPECT_TRUE(seen_.linked);
    (void)machine_.next();
    machine_.on_watch_failed({base::errc::unavailable, "cut"});
    EXPECT_FALSE(seen_.linked);
    const auto wait = machine_.next();
    EXPECT_EQ(wait.what, step::wait);
    EXPECT_GE(wait.wait.count(), 800);
    EXPECT_EQ(machine_.next().what, step::watch);
    machine_.on_watch_opened();
    EXPECT_TRUE(seen_.linked);
}

TEST_F(reflecting, refuses_garbage) {
    EXPECT_EQ(machine_.on_page("nonsense").error().code, base::errc::corrupt);
    EXPECT_EQ(machine_.on_page(R"({"items":[]})").error().code, base::errc::corrupt);
    (void)machine_.next();
    list({}, 5);
    (void)machine_.next();
    EXPECT_EQ(machine_.on_bytes("garbage\n").error().code, base::errc::corrupt);
    EXPECT_EQ(machine_.on_bytes("{\"type\":\"ADDED\"}\n").error().code, base::errc::corrupt);
}

// Random histories, cut and compacted at random places: the mirror ends equal to the truth.
TEST(reflector, mirrors_every_random_history) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::mt19937 random(seed);
        const auto dice = [&](unsigned most) { return static_cast<int>(random() % most); };
        mirror seen;
        reflector machine({.seed = seed}, seen);
        std::map<std::string, std::string> truth;
        std::vector<std::pair<int, std::string>> history;  // version, frame
        int version = 1;
        for (int turn = 0; turn < 60; ++turn) {
            const auto order = machine.next();
            if (order.what == step::wait) continue;
            if (order.what == step::list) {
                std::vector<std::string> items;
                for (const auto& [name, uid] : truth) items.push_back(object(name, uid, version));
                ASSERT_TRUE(machine.on_page(page(items, version)));
                continue;
            }
            for (int change = dice(4); change > 0; --change) {
                const std::string name(1, static_cast<char>('a' + dice(5)));
                ++version;
                if (truth.contains(name) && dice(2) == 0) {
                    history.emplace_back(version,
                                         frame("DELETED", object(name, truth[name], version)));
                    truth.erase(name);
                } else {
                    const bool is_new = !truth.contains(name);
                    if (is_new) truth[name] = std::to_string(version);
                    history.emplace_back(version, frame(is_new ? "ADDED" : "MODIFIED",
                                                        object(name, truth[name], version)));
                }
            }
            const bool compacted = dice(6) == 0;
            if (compacted) {
                history.clear();
                const auto why =
                    machine.on_bytes(frame("ERROR", R"({"code":410,"reason":"Gone"})"));
                machine.on_watch_failed(why.error());
                continue;
            }
            const auto from = std::stoi(order.resource_version);
            std::string stream;
            for (const auto& [at, text] : history) {
                if (at > from) stream += text;
            }
            const auto cut = dice(3) == 0 ? random() % (stream.size() + 1) : stream.size();
            ASSERT_TRUE(machine.on_bytes(stream.substr(0, cut)));
            if (cut == stream.size()) {
                machine.on_watch_ended();
            } else {
                machine.on_watch_failed({base::errc::unavailable, "cut"});
            }
        }
        // One last quiet turn delivers the rest.
        for (int turn = 0; turn < 5; ++turn) {
            const auto order = machine.next();
            if (order.what == step::list) {
                std::vector<std::string> items;
                for (const auto& [name, uid] : truth) items.push_back(object(name, uid, version));
                ASSERT_TRUE(machine.on_page(page(items, version)));
            } else if (order.what == step::watch) {
                for (const auto& [at, text] : history) {
                    if (at > std::stoi(order.resource_version)) ASSERT_TRUE(machine.on_bytes(text));
                }
                machine.on_watch_ended();
            }
        }
        EXPECT_EQ(seen.objects, truth) << "seed " << seed;
    }
}

}  // namespace
