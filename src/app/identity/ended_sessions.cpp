#include "app/identity/ended_sessions.hpp"

#include <vector>

#include "app/session_commands.hpp"
#include "base/time_text.hpp"

namespace app {
namespace {

// Includes the tolerated difference of the clocks.
constexpr auto retention = session_commands::access_lifetime + std::chrono::minutes(5);

base::outcome<ended_session> record_of(const ports::document& document) {
    const auto ended_at = base::from_rfc3339(document.body);
    if (ended_at) return ended_session{.id = document.id, .ended_at = *ended_at};
    return base::fail(base::errc::corrupt, document.id + ": not the time of an ended session");
}

ports::document document_of(const ended_session& record) {
    return {.id = record.id, .body = base::to_rfc3339_micro(record.ended_at)};
}

}  // namespace

ended_sessions::ended_sessions(ports::document_store& store, const base::clock& clock)
    : clock_(clock),
      registry_(store,
                {.collection = "ended_sessions", .encode = document_of, .decode = record_of}) {
    registry_.on_change([this](const std::vector<std::string>&) { publish(); });
    publish();
}

void ended_sessions::publish() {
    auto ids = std::make_shared<id_set>();
    for (const auto& [id, record] : registry_.records()) ids->insert(id);
    ids_.store(std::move(ids));
}

aio::task<> ended_sessions::add(std::string id) {
    auto stored = co_await registry_.put(id, [&](const ended_session* present) {
        return base::outcome<ended_session>(
            present != nullptr ? *present : ended_session{.id = id, .ended_at = clock_.utc_now()});
    });
    if (!stored) co_return base::pass(std::move(stored), "end the session");
    co_return base::ok();
}

aio::task<> ended_sessions::purge() {
    std::vector<std::string> expired;
    for (const auto& [id, record] : registry_.records()) {
        if (record->ended_at + retention < clock_.utc_now()) expired.push_back(id);
    }
    for (const auto& id : expired) {
        auto removed = co_await registry_.remove(id);
        if (!removed) co_return base::pass(std::move(removed), "forget an ended session");
    }
    co_return base::ok();
}

}  // namespace app
