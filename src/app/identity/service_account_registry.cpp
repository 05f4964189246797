#include "app/identity/service_account_registry.hpp"

#include <fmt/format.h>

#include "app/identity/service_account_json.hpp"

namespace app {
namespace {

using base::errc;

base::outcome<domain::service_account> record_of(const ports::document& document) {
    auto record = decode_service_account(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    if (record->name != document.id) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid name", document.id));
    }
    return record;
}

ports::document document_of(const domain::service_account& record) {
    return {.id = record.name, .body = encode(record)};
}

}  // namespace

service_account_registry::service_account_registry(ports::document_store& store)
    : registry_(store,
                {.collection = "service_accounts", .encode = document_of, .decode = record_of}) {
    index_.store(std::make_shared<const account_index>());
    registry_.on_change([this](const std::vector<std::string>& names) { publish(names); });
}

void service_account_registry::publish(const std::vector<std::string>& names) {
    auto next = std::make_shared<account_index>(*index_.load());
    registry_.copy_to(*next, names);
    index_.store(std::move(next));
    for (const auto& name : names) {
        for (const auto& observer : observers_) observer(name);
    }
}

aio::task<shared_account> service_account_registry::put(std::string name, change edit) {
    auto stored = co_await registry_.put(std::move(name), std::move(edit));
    if (!stored) co_return base::pass(std::move(stored));
    co_return std::move(stored->record);
}

shared_account service_account_registry::find(std::string_view name) const {
    const auto index = index_.load();
    const auto entry = index->find(name);
    return entry == index->end() ? nullptr : entry->second;
}

bool service_account_registry::is_active_subject(std::string_view subject) const {
    const auto name = domain::account_of_subject(subject);
    if (!name) return true;
    const auto account = find(*name);
    return account && account->state == domain::account_state::active;
}

}  // namespace app
