#include "app/identity/caller_reader.hpp"

#include <algorithm>
#include <optional>

#include "aio/aio.hpp"
#include "app/identity/member_json.hpp"
#include "domain/service_account_rules.hpp"

namespace app {
namespace {

// Above it, one comparison of all members reads less than one document per membership.
constexpr std::size_t memberships_max = 32;

aio::task<> keep(aio::task<> read, base::outcome<void>& result) {
    auto ended = co_await std::move(read);
    if (!ended && result) result = std::move(ended);
    co_return base::ok();
}

// Returns the id in a credential such as "key:ID"; nothing for another kind.
std::optional<std::string> id_after(std::string_view credential, std::string_view kind) {
    if (!credential.starts_with(kind)) return std::nullopt;
    return std::string(credential.substr(kind.size()));
}

}  // namespace

std::vector<caller_reader::document_name> caller_reader::documents_of(
    const domain::principal& caller) const {
    auto& registries = deps_.registries;
    std::vector<document_name> result;
    if (caller.credential.empty()) return result;
    if (const auto account = domain::account_of_subject(caller.subject)) {
        result.emplace_back(registries.accounts.collection(), std::string(*account));
    } else {
        result.emplace_back(registries.users.collection(), caller.subject);
    }
    if (auto key = id_after(caller.credential, "key:")) {
        result.emplace_back(registries.keys.collection(), std::move(*key));
    } else if (auto session = id_after(caller.credential, "session:")) {
        result.emplace_back(deps_.ended.collection(), std::move(*session));
    }
    if (caller.roles.size() > memberships_max) return result;
    for (const auto& [project, role] : caller.roles) {
        result.emplace_back(registries.members.collection(), id_of_member(project, caller.subject));
    }
    return result;
}

aio::task<> caller_reader::read(shared_principal caller, std::vector<document_name> others) {
    base::outcome<void> result = base::ok();
    const auto executor = co_await aio::this_executor();
    aio::task_group reads(executor);
    auto documents = documents_of(*caller);
    for (auto& other : others) documents.push_back(std::move(other));
    for (auto& [owner, id] : documents) reads.spawn(keep(owner.adopt(std::move(id)), result));
    auto& registries = deps_.registries;
    if (caller->roles.size() > memberships_max)
        reads.spawn(keep(registries.members.refresh(), result));
    // A role of several groups has the names of all of them, and may hide another one.
    const bool has_custom_role = std::ranges::any_of(
        caller->roles, [](const auto& entry) { return !domain::find_role(entry.second.name); });
    if (has_custom_role) reads.spawn(keep(registries.roles.refresh(), result));
    co_await reads.join();
    co_return result;
}

}  // namespace app
