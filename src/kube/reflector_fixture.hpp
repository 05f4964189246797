#pragma once
// The fixture of the reflector's tests: a listener that keeps the objects, and the text of a
// server.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "kube/reflector.hpp"
#include "kube/status_reason.hpp"

namespace kube {

using base::errc;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using action_kind = reflector::action_kind;
using named = std::map<std::string, std::string>;  // name -> uid

// Records the events and keeps the objects.
class recording_listener final : public informer_listener {
  public:
    named objects;
    std::map<std::string, std::string> versions;
    std::vector<std::string> log;
    int synced = 0;
    void on_upsert(const object_meta& meta, std::string_view text) override {
        EXPECT_TRUE(text.starts_with('{') && text.ends_with('}')) << text;
        EXPECT_EQ(meta.ns, "t");
        objects[meta.name] = meta.uid;
        versions[meta.name] = meta.resource_version;
        log.push_back("+" + meta.name);
    }
    void on_delete(const object_meta& meta) override {
        EXPECT_EQ(objects[meta.name], meta.uid);
        objects.erase(meta.name);
        versions.erase(meta.name);
        log.push_back("-" + meta.name);
    }
    void on_synced() override { ++synced; }
    void on_sync_state(bool connected, const std::string& reason) override {
        log.push_back(connected ? "up" : "down: " + reason);
    }
};

inline std::string object(const std::string& name, const std::string& uid, int version) {
    return fmt::format(
        R"({{"spec":{{"name":"not this"}},"metadata":{{"name":"{}","namespace":"t","uid":"{}",)"
        R"("resourceVersion":"{}"}}}})",
        name, uid, version);
}
inline std::string frame(const std::string& type, const std::string& body) {
    return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, body);
}
inline std::string bookmark(int version) {
    return frame("BOOKMARK", fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}}}})", version));
}
inline std::string end_of_initial(int version) {
    return frame("BOOKMARK", fmt::format(R"({{"metadata":{{"resourceVersion":"{}","annotations":)"
                                         R"({{"k8s.io/initial-events-end":"true"}}}}}})",
                                         version));
}
inline std::string error(int code, const std::string& reason) {
    return frame("ERROR", fmt::format(R"({{"kind":"Status","apiVersion":"v1","status":"Failure",)"
                                      R"("code":{},"reason":"{}","message":"said so"}})",
                                      code, reason));
}
inline std::string page(const std::vector<std::string>& items, int version,
                        const std::string& next = {}) {
    return fmt::format(
        R"({{"kind":"L","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
        version, next, fmt::join(items, ","));
}

class reflector_test : public testing::Test {
  protected:
    void list(const std::vector<std::string>& items, int version) {
        ASSERT_EQ(next().kind, action_kind::list);
        machine_.on_page(now_, page(items, version));
    }
    void watch() {
        ASSERT_EQ(next().kind, action_kind::watch);
        machine_.on_watch_opened(now_);
    }
    reflector::action next() { return machine_.next(now_); }
    // The order, which must be to wait; how long. Time passes.
    milliseconds wait() {
        const auto action = next();
        if (action.kind != action_kind::wait) return milliseconds(-1);
        const auto waited = action.until - now_;
        now_ = action.until;
        return std::chrono::duration_cast<milliseconds>(waited);
    }
    bool bytes(const std::string& text) { return machine_.on_bytes(now_, text); }
    void list_fails(errc code, std::vector<base::field_error> causes = {}) {
        ASSERT_EQ(next().kind, action_kind::list);
        machine_.on_list_failed(now_, {.code = code, .text = "no", .fields = std::move(causes)});
    }
    void cut() { machine_.on_watch_failed(now_, {.code = errc::unavailable, .text = "cut"}); }
    // Lists if the reflector wants to, then opens the watch.
    void watch_again(int version) {
        auto action = next();
        if (action.kind == action_kind::list) {
            machine_.on_page(now_, page({}, version));
            action = next();
        }
        ASSERT_EQ(action.kind, action_kind::watch);
        machine_.on_watch_opened(now_);
    }
    void reject_watch(status_reason reason) {
        ASSERT_EQ(next().kind, action_kind::watch);
        base::failure failure{.code = code_of(reason), .text = "rejected"};
        failure.set_cause(reason);
        machine_.on_watch_failed(now_, failure);
    }

    base::steady_time now_{std::chrono::hours(1)};
    recording_listener seen_;
    reflector machine_{{.seed = 1}, seen_};
};

}  // namespace kube
