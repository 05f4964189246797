// Random histories against a server that is modelled in a few lines: whatever happens to lists and
// watches on the way, the mirror ends equal to the truth.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "kube/reflector.hpp"

namespace kube {
namespace {

using base::errc;
using action_kind = reflector::action_kind;

struct stored {
    std::string uid;
    int version = 0;
    bool operator==(const stored&) const = default;
};
using content = std::map<std::string, stored>;

// The objects of the listener. It rejects impossible events: a deletion of the unknown, a namesake
// without a deletion before.
class recording_listener final : public informer_listener {
  public:
    content objects;
    bool synced = false;
    void on_upsert(const object_meta& meta, std::string_view) override {
        auto& known = objects[meta.name];
        EXPECT_TRUE(known.uid.empty() || known.uid == meta.uid);
        known = {meta.uid, std::stoi(meta.resource_version)};
    }
    void on_delete(const object_meta& meta) override {
        ASSERT_TRUE(objects.contains(meta.name));
        EXPECT_EQ(objects[meta.name].uid, meta.uid);
        objects.erase(meta.name);
    }
    void on_synced() override {
        EXPECT_FALSE(synced);
        synced = true;
    }
    void on_sync_state(bool, const std::string&) override {}
};

std::string text_of(const std::string& name, const stored& object) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}","uid":"{}","resourceVersion":"{}"}},"pad":"{}"}})", name,
        object.uid, object.version,
        std::string(static_cast<std::size_t>(object.version % 90), 'x'));
}

// An API server's memory: the present, and the events since the last compaction.
class model_server {
  public:
    explicit model_server(unsigned seed) : random_(seed) {}

    [[nodiscard]] int dice(int sides) {
        return static_cast<int>(random_() % static_cast<unsigned>(sides));
    }
    [[nodiscard]] const content& truth() const { return truth_; }
    [[nodiscard]] int version() const { return version_; }

    void change() {
        const std::string name(1, static_cast<char>('a' + dice(6)));
        ++version_;
        const auto entry = truth_.find(name);
        if (entry != truth_.end() && dice(2) == 0) {
            entry->second.version = version_;
            remember("DELETED", name, entry->second);
            truth_.erase(entry);
        } else if (entry != truth_.end()) {
            entry->second.version = version_;
            remember("MODIFIED", name, entry->second);
        } else {
            truth_[name] = {fmt::format("u{}", version_), version_};
            remember("ADDED", name, truth_[name]);
        }
    }
    void compact() {
        history_.clear();
        compacted_ = version_;
    }
    [[nodiscard]] bool knows(int version) const { return version >= compacted_; }
    [[nodiscard]] std::string events_since(int version) const {
        std::string stream;
        for (const auto& [event_version, event] : history_) {
            if (event_version > version) stream += event;
        }
        return stream;
    }
    [[nodiscard]] std::string initial_events() const {
        std::string stream;
        for (const auto& [name, object] : truth_) {
            stream += fmt::format("{{\"type\":\"ADDED\",\"object\":{}}}\n", text_of(name, object));
        }
        return stream + fmt::format(R"({{"type":"BOOKMARK","object":{{"metadata":{{)"
                                    R"("annotations":{{"k8s.io/initial-events-end":"true"}},)"
                                    R"("resourceVersion":"{}"}}}}}})"
                                    "\n",
                                    version_);
    }
    [[nodiscard]] std::string bookmark() const {
        return fmt::format(
            R"({{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{}"}}}}}})"
            "\n",
            version_);
    }
    // A page of a snapshot that is kept while it is being read.
    [[nodiscard]] std::string page(const reflector::action& action) {
        if (action.continue_token.empty()) {
            snapshot_ = truth_;
            snapshot_version_ = version_;
        }
        auto entry = snapshot_.upper_bound(action.continue_token);
        std::vector<std::string> items;
        std::string last;
        for (; entry != snapshot_.end() && items.size() < 2; ++entry) {
            items.push_back(text_of(entry->first, entry->second));
            last = entry->first;
        }
        return fmt::format(
            R"({{"items":[{}],"metadata":{{"resourceVersion":"{}","continue":"{}"}}}})",
            fmt::join(items, ","), snapshot_version_, entry == snapshot_.end() ? "" : last);
    }

  private:
    void remember(const char* type, const std::string& name, const stored& object) {
        history_.emplace_back(version_, fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type,
                                                    text_of(name, object)));
    }

    std::mt19937 random_;
    content truth_;
    content snapshot_;
    std::vector<std::pair<int, std::string>> history_;
    int version_ = 1;
    int snapshot_version_ = 1;
    int compacted_ = 0;
};

class model_run {
  public:
    model_run(unsigned seed, bool by_watch)
        : server_(seed), machine_({.prefer_watch_list = by_watch, .seed = seed}, seen_) {}

    void turn(bool is_quiet) {
        const auto action = machine_.next(now_);
        if (!is_quiet) {
            for (int left = server_.dice(4); left > 0; --left) server_.change();
            if (server_.dice(8) == 0) server_.compact();
        }
        if (action.kind == action_kind::wait) {
            now_ = action.until;
        } else if (action.kind == action_kind::list) {
            answer_list(action, is_quiet);
        } else {
            answer_watch(action, is_quiet);
        }
    }
    [[nodiscard]] bool is_true() const { return seen_.synced && seen_.objects == server_.truth(); }

  private:
    void answer_list(const reflector::action& action, bool is_quiet) {
        const int fate = is_quiet ? 9 : server_.dice(10);
        if (fate == 0) {
            machine_.on_list_failed(now_, {.code = errc::unavailable, .text = "cut"});
        } else if (fate == 1) {
            machine_.on_list_failed(now_, {.code = errc::gone, .text = "too old"});
        } else if (fate == 2 && !action.resource_version.empty()) {
            machine_.on_list_failed(now_, {.code = errc::timed_out,
                                           .text = "ahead",
                                           .fields = {{"", "ResourceVersionTooLarge", ""}}});
        } else {
            machine_.on_page(now_, server_.page(action));
        }
    }

    void answer_watch(const reflector::action& action, bool is_quiet) {
        const int start_version =
            action.resource_version.empty() ? 0 : std::stoi(action.resource_version);
        if (!is_quiet && server_.dice(10) == 0) {
            machine_.on_watch_failed(now_, {.code = errc::timed_out, .text = "no response"});
            return;
        }
        machine_.on_watch_opened(now_);
        if (!action.initial_events && !server_.knows(start_version)) {
            EXPECT_FALSE(machine_.on_bytes(
                now_, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n"));
            return;
        }
        auto stream =
            action.initial_events ? server_.initial_events() : server_.events_since(start_version);
        if (server_.dice(3) == 0 && !action.initial_events) stream += server_.bookmark();
        const bool is_cut = !is_quiet && server_.dice(3) == 0;
        if (is_cut)
            stream.resize(
                static_cast<std::size_t>(server_.dice(static_cast<int>(stream.size()) + 1)));
        for (std::size_t offset = 0; offset < stream.size();) {
            const auto size = std::size_t{1} + static_cast<std::size_t>(server_.dice(200));
            ASSERT_TRUE(machine_.on_bytes(now_, std::string_view(stream).substr(offset, size)));
            offset += size;
        }
        now_ += std::chrono::seconds(2);
        if (is_cut) {
            machine_.on_watch_failed(now_, {.code = errc::unavailable, .text = "cut"});
        } else {
            machine_.on_watch_ended(now_);
        }
    }

    base::steady_time now_{std::chrono::hours(1)};
    model_server server_;
    recording_listener seen_;
    reflector machine_;
};

class reflector_model : public testing::TestWithParam<bool> {};

TEST_P(reflector_model, mirrors_every_random_history) {
    for (unsigned seed = 1; seed <= 400; ++seed) {
        model_run run(seed, GetParam());
        for (int turn = 0; turn < 80; ++turn) run.turn(false);
        for (int turn = 0; turn < 12; ++turn) run.turn(true);  // delivers the remaining events
        ASSERT_TRUE(run.is_true()) << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(by_list_and_by_watch, reflector_model, testing::Values(false, true));

}  // namespace
}  // namespace kube
