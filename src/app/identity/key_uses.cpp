#include "app/identity/key_uses.hpp"

#include <algorithm>

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

ports::document document_of(const key_use_record& record) {
    const json::object body{{"v", format_version},
                            {"at", base::to_rfc3339_micro(record.last.used_at)},
                            {"address", record.last.address}};
    return {.id = record.id, .body = json::serialize(body)};
}

// Never fails: the platform starts without the uses.
base::outcome<key_use_record> record_of(const ports::document& document) {
    key_use_record record{.id = document.id};
    const auto object = json::parse_object(document.body);
    const auto time = base::from_rfc3339(json::text_at(object, "at"));
    if (json::number_at(object, "v") != format_version || !time) return record;
    record.last = {.used_at = *time, .address = std::string(json::text_at(object, "address"))};
    return record;
}

}  // namespace

key_uses::key_uses(ports::document_store& store)
    : registry_(store, {.collection = "api_key_uses", .encode = document_of, .decode = record_of}) {
    registry_.on_change([this](const std::vector<std::string>& ids) {
        for (const auto& id : ids) {
            const auto record = registry_.find(id);
            if (record) use_of(id)->adopt(record->last);
        }
    });
}

std::shared_ptr<key_use> key_uses::use_of(const std::string& id) {
    auto& use = uses_[id];
    if (!use) use = std::make_shared<key_use>();
    return use;
}

aio::task<> key_uses::flush(bool writes_all) {
    const auto is_due = [writes_all](const domain::api_key_use& last,
                                     const domain::api_key_use& stored) {
        return writes_all ? last.used_at > stored.used_at
                          : last.used_at - stored.used_at >= write_interval;
    };
    const auto uses = uses_;
    for (const auto& [id, use] : uses) {
        const auto last = use->last();
        const auto known = registry_.find(id);
        if (!last || (known && !is_due(*last, known->last))) continue;
        auto stored = co_await registry_.put(
            id, [&](const key_use_record* newest) -> base::outcome<key_use_record> {
                if (newest != nullptr && !is_due(*last, newest->last)) return *newest;
                return key_use_record{.id = id, .last = *last};
            });
        if (!stored) co_return base::pass(std::move(stored), "store the last use of an API key");
    }
    co_return base::ok();
}

aio::task<> key_uses::keep_only(std::vector<std::string> ids) {
    std::vector<std::string> old;
    for (const auto& [id, use] : uses_) {
        if (!std::ranges::binary_search(ids, id)) old.push_back(id);
    }
    for (const auto& id : old) {
        if (registry_.find(id)) {
            auto removed = co_await registry_.remove(id);
            if (!removed) co_return removed;
        }
        uses_.erase(id);
    }
    co_return base::ok();
}

}  // namespace app
