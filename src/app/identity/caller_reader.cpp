#include "app/identity/caller_reader.hpp"

#include <optional>
#include <set>

#include "aio/aio.hpp"
#include "app/identity/member_json.hpp"
#include "domain/service_account_rules.hpp"

namespace app {
namespace {

aio::task<> adopt(replicated_collection& owner, std::string id, base::outcome<void>& result) {
    auto adopted = co_await owner.adopt(std::move(id));
    if (!adopted && result) result = std::move(adopted);
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
    std::set<std::string> custom_roles;
    for (const auto& [project, role] : caller.roles) {
        result.emplace_back(registries.members.collection(), id_of_member(project, caller.subject));
        if (!domain::find_role(role.name)) custom_roles.insert(role.name);
    }
    for (const auto& name : custom_roles) result.emplace_back(registries.roles.collection(), name);
    return result;
}

aio::task<> caller_reader::read(shared_principal caller) {
    base::outcome<void> result = base::ok();
    const auto executor = co_await aio::this_executor();
    aio::task_group reads(executor);
    for (auto& [owner, id] : documents_of(*caller)) {
        reads.spawn(adopt(owner, std::move(id), result));
    }
    co_await reads.join();
    co_return result;
}

}  // namespace app
