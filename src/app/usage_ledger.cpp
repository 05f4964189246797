#include "app/usage_ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/record_failures.hpp"
#include "json/json.hpp"

namespace app {
namespace {

using base::errc;

const std::string document_id = "claims";
constexpr std::size_t members = 7;  // of a claim

ports::document document_of(const usage_claims& source) {
    return {.id = document_id, .body = encode(source)};
}

base::outcome<usage_claims> claims_of(const ports::document& document) {
    return decode_usage_claims(document.body);
}

std::optional<usage_claim> read_claim(const json::value& source) {
    const auto* fields = source.if_array();
    if (fields == nullptr || fields->size() != members) return std::nullopt;
    usage_claim claim;
    std::size_t index = 0;
    for (auto* text : {&claim.operation, &claim.database, &claim.project}) {
        const auto* value = (*fields)[index++].if_string();
        if (value == nullptr) return std::nullopt;
        *text = std::string(*value);
    }
    auto& growth = claim.growth;
    for (auto* number :
         {&growth.databases, &growth.cpu_millis, &growth.memory_bytes, &growth.storage_bytes}) {
        const auto* value = (*fields)[index++].if_int64();
        if (value == nullptr) return std::nullopt;
        *number = *value;
    }
    return claim;
}

}  // namespace

std::string encode(const usage_claims& source) {
    json::array items;
    for (const auto& claim : source.items) {
        const auto& growth = claim.growth;
        items.push_back(json::array{claim.operation, claim.database, claim.project,
                                    growth.databases, growth.cpu_millis, growth.memory_bytes,
                                    growth.storage_bytes});
    }
    return json::serialize(json::object{{"v", 1}, {"claims", std::move(items)}});
}

base::outcome<usage_claims> decode_usage_claims(std::string_view text) {
    const auto corrupt = base::fail(errc::corrupt, "the claims of usage cannot be read");
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    const auto* object = error ? nullptr : parsed.if_object();
    if (object == nullptr) return corrupt;
    const auto* items = object->if_contains("claims");
    if (items == nullptr || !items->is_array()) return corrupt;
    usage_claims result;
    for (const auto& item : items->get_array()) {
        auto claim = read_claim(item);
        if (!claim) return corrupt;
        result.items.push_back(std::move(*claim));
    }
    return result;
}

usage_ledger::usage_ledger(deps deps)
    : deps_(deps),
      shared_(deps.store, {.collection = "usage", .encode = document_of, .decode = claims_of}) {}

bool usage_ledger::is_settled(const usage_claim& claim) const {
    const auto sight = sights_.find(claim.operation);
    if (sight != sights_.end() && sight->second.is_settled) return true;
    const auto database = deps_.cache.databases().find(claim.database);
    if (database == deps_.cache.databases().end()) return false;
    const auto& operations = database->second.record->operations;
    return std::ranges::find(operations, claim.operation, &domain::operation::id) !=
           operations.end();
}

base::outcome<void> usage_ledger::check(const std::vector<usage_claim>& claims,
                                        const usage_claim& claim, const domain::usage& more) const {
    const auto& project = claim.project;
    const bool is_deletion = claim.database.empty();
    auto used = deps_.cache.usage_of_project(project);
    auto used_in_all = deps_.cache.usage_of_all();
    bool is_in_use = used.databases > 0;
    for (const auto& other : claims) {
        const bool is_same_project = other.project == project;
        if (other.database.empty()) {
            if (is_same_project && !is_deletion) return no_such_project(project);
            continue;
        }
        if (is_settled(other)) continue;
        used_in_all += other.growth;
        if (is_same_project) used += other.growth;
        is_in_use = is_in_use || is_same_project;
    }
    if (is_deletion) {
        if (!is_in_use) return {};
        return base::fail(errc::conflict, fmt::format("project '{}' still has databases", project),
                          "not_empty");
    }
    if (const auto owner = deps_.cache.project(project)) {
        auto fits = domain::check_limits(domain::limits_of(*owner), used, more,
                                         fmt::format("project '{}'", project), "quota_exceeded");
        if (!fits) return fits;
    }
    const auto& offer = deps_.cache.catalogue();
    if (!offer) return {};
    const domain::usage capacity{.cpu_millis = offer->capacity_cpu_millis,
                                 .memory_bytes = offer->capacity_memory_bytes,
                                 .storage_bytes = offer->capacity_storage_bytes};
    return domain::check_limits(capacity, used_in_all, more, "the cluster", "capacity_exceeded");
}

base::outcome<void> usage_ledger::reserve_in_memory(usage_claim claim, const domain::usage& more) {
    auto checked = check(claims_.items, claim, more);
    if (checked) claims_.items.push_back(std::move(claim));
    return checked;
}

void usage_ledger::release_in_memory(const std::string& operation) {
    std::erase_if(claims_.items,
                  [&](const usage_claim& claim) { return claim.operation == operation; });
}

aio::task<> usage_ledger::reserve(usage_claim claim, domain::usage more) {
    if (!deps_.is_shared) co_return reserve_in_memory(std::move(claim), more);
    const auto own = std::make_shared<request>(request{.claim = std::move(claim), .more = more});
    waiting_.push_back(own);
    const auto turn = co_await queue_.enter(document_id);
    if (!own->result && turn) co_await commit();
    std::erase(waiting_, own);
    if (own->result) co_return *own->result;
    if (!turn) co_return std::unexpected(turn.error());
    co_return base::fail(errc::cancelled, "the reservation was cancelled");
}

void usage_ledger::prune(std::vector<usage_claim>& claims) {
    const auto now = deps_.clock.now();
    std::map<std::string, sight> seen;
    for (const auto& claim : claims) {
        const auto previous = sights_.find(claim.operation);
        const auto first = previous == sights_.end() ? now : previous->second.first;
        seen.emplace(claim.operation, sight{.first = first, .is_settled = is_settled(claim)});
    }
    sights_ = std::move(seen);
    std::erase_if(released_, [&](const auto& operation) { return !sights_.contains(operation); });
    std::erase_if(claims, [&](const usage_claim& claim) {
        return released_.contains(claim.operation) ||
               now - sights_.at(claim.operation).first >= linger;
    });
}

// Returns whether the claims in the store were compared: a claim was written.
aio::task<bool> usage_ledger::write_batch(std::vector<std::shared_ptr<request>>& batch) {
    auto stored = co_await shared_.put(
        document_id, [this, &batch](const usage_claims* newest) -> base::outcome<usage_claims> {
            auto next = newest == nullptr ? usage_claims{} : *newest;
            prune(next.items);
            batch = waiting_;
            for (const auto& entry : batch) {
                entry->checked = check(next.items, entry->claim, entry->more);
                if (entry->checked) next.items.push_back(entry->claim);
            }
            return next;
        });
    if (!stored) co_return base::pass(std::move(stored), "reserve the usage");
    co_return stored->is_changed;
}

aio::task<> usage_ledger::commit() {
    std::vector<std::shared_ptr<request>> batch;
    auto written = co_await write_batch(batch);
    const bool is_rejected =
        std::ranges::any_of(batch, [](const auto& entry) { return !entry->checked.has_value(); });
    // The claims in memory may be older than those in the store.
    if (written && !*written && is_rejected) {
        auto adopted = co_await shared_.adopt(document_id);
        if (adopted) {
            written = co_await write_batch(batch);
        } else {
            written = std::unexpected(adopted.error());
        }
    }
    for (const auto& entry : batch) {
        entry->result =
            written ? entry->checked : base::outcome<void>(std::unexpected(written.error()));
    }
    std::erase_if(waiting_, [](const auto& entry) { return entry->result.has_value(); });
    co_return base::ok();
}

aio::task<> usage_ledger::drop(std::function<bool(const usage_claim&)> is_ended) {
    if (!shared_.find(document_id)) co_return base::ok();
    auto stored = co_await shared_.put(
        document_id, [&](const usage_claims* newest) -> base::outcome<usage_claims> {
            auto next = newest == nullptr ? usage_claims{} : *newest;
            std::erase_if(next.items, is_ended);
            return next;
        });
    if (!stored) co_return base::pass(std::move(stored), "end a claim of usage");
    co_return base::ok();
}

aio::task<> usage_ledger::finish(std::string operation, bool is_written) {
    if (!deps_.is_shared) {
        release_in_memory(operation);
        co_return base::ok();
    }
    if (is_written) {
        // The record may be deleted before the claim is dropped.
        const auto claims = shared_.find(document_id);
        const auto now = deps_.clock.now();
        const auto sight = sights_.try_emplace(operation, now).first;
        if (!claims) co_return base::ok();
        for (const auto& claim : claims->items) {
            if (claim.operation == operation) sight->second.is_settled = is_settled(claim);
        }
        co_return base::ok();
    }
    released_.insert(operation);
    co_return co_await drop(
        [operation](const usage_claim& claim) { return claim.operation == operation; });
}

aio::task<> usage_ledger::reopen(std::string project) {
    if (!deps_.is_shared) co_return base::ok();
    auto adopted = co_await shared_.adopt(document_id);
    if (!adopted) co_return adopted;
    co_return co_await drop([project](const usage_claim& claim) {
        return claim.database.empty() && claim.project == project;
    });
}

}  // namespace app
