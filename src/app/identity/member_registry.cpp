#include "app/identity/member_registry.hpp"

#include <fmt/format.h>

#include <set>

#include "app/document_walk.hpp"
#include "app/identity/member_json.hpp"
#include "app/record_failures.hpp"

namespace app {
namespace {

using base::errc;

const std::string collection = "members";
constexpr int rounds_max = 8;

// Neither name contains a slash.
std::string id_of(std::string_view project, std::string_view subject) {
    return fmt::format("{}/{}", project, subject);
}

std::unexpected<base::failure> no_such_member(std::string_view project, std::string_view subject) {
    return base::fail(errc::not_found,
                      fmt::format("project '{}' has no member '{}'", project, subject),
                      "member_not_found");
}

base::outcome<domain::project_member> record_of(const ports::document& document) {
    auto record = decode_member(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    if (id_of(record->project, record->subject) != document.id) {
        return base::fail(errc::corrupt, fmt::format("{}: invalid id", document.id));
    }
    record->revision = document.revision;
    return record;
}

}  // namespace

member_registry::member_registry(deps deps) : deps_(deps) {
    index_.store(std::make_shared<const member_index>());
}

shared_member member_registry::find(const std::string& project, const std::string& subject) const {
    const auto index = index_.load();
    const auto members = index->find(project);
    if (members == index->end()) return nullptr;
    const auto entry = members->second.find(subject);
    return entry == members->second.end() ? nullptr : entry->second;
}

void member_registry::publish(std::vector<domain::project_member> records) {
    auto next = std::make_shared<member_index>(*index_.load());
    std::set<std::string> subjects;
    for (auto& record : records) {
        auto shared = std::make_shared<const domain::project_member>(std::move(record));
        (*next)[shared->project][shared->subject] = shared;
        subjects.insert(shared->subject);
    }
    index_.store(std::move(next));
    for (const auto& subject : subjects) observer_(subject);
}

void member_registry::erase(const std::string& project, const std::string& subject) {
    auto next = std::make_shared<member_index>(*index_.load());
    const auto members = next->find(project);
    if (members == next->end() || members->second.erase(subject) == 0) return;
    if (members->second.empty()) next->erase(members);
    index_.store(std::move(next));
    observer_(subject);
}

aio::task<> member_registry::load() {
    std::vector<domain::project_member> records;
    auto visited = co_await visit_documents(
        deps_.store, collection,
        [&records](const ports::document& document) -> base::outcome<void> {
            auto record = record_of(document);
            if (!record) return base::pass(std::move(record), collection);
            records.push_back(std::move(*record));
            return base::ok();
        });
    if (visited) publish(std::move(records));
    co_return visited;
}

aio::task<> member_registry::adopt(std::string id) {
    auto document = co_await deps_.store.get(collection, id);
    if (!document && document.error().code == errc::not_found) {
        const auto slash = id.find('/');
        erase(id.substr(0, slash), id.substr(slash + 1));
        co_return base::ok();
    }
    if (!document) co_return base::pass(std::move(document), "read a member again");
    auto record = record_of(*document);
    if (!record) co_return base::pass(std::move(record));
    publish({std::move(*record)});
    co_return base::ok();
}

aio::task<> member_registry::refresh() {
    std::map<std::string, ports::revision> known;
    const auto index = index_.load();
    for (const auto& [project, members] : *index) {
        for (const auto& [subject, record] : members) {
            known.emplace(id_of(project, subject), record->revision);
        }
    }
    auto visited =
        co_await visit_differing(deps_.store, collection, std::move(known),
                                 [this](std::string id) { return adopt(std::move(id)); });
    if (!visited) co_return base::pass(std::move(visited), collection);
    co_return base::ok();
}

aio::task<> member_registry::forget_project(std::string project) {
    const auto index = index_.load();
    const auto members = index->find(project);
    if (members == index->end()) co_return base::ok();
    for (const auto& [subject, record] : members->second) {
        auto removed =
            co_await deps_.store.remove({.collection = collection, .id = id_of(project, subject)});
        if (!removed) co_return base::pass(std::move(removed), "delete a member");
        erase(project, subject);
    }
    co_return base::ok();
}

std::map<std::string, domain::role, std::less<>> member_registry::roles_of(
    const std::string& subject) const {
    std::map<std::string, domain::role, std::less<>> result;
    const auto index = index_.load();
    for (const auto& [project, members] : *index) {
        const auto entry = members.find(subject);
        if (entry != members.end()) result.emplace(project, entry->second->role);
    }
    return result;
}

aio::task<granted_role> member_registry::put_member(domain::project_member wanted, caller client) {
    if (!deps_.projects.project(wanted.project)) co_return no_such_project(wanted.project);
    wanted.created_at = deps_.clock.utc_now();
    wanted.created_by = client.subject;
    const auto id = id_of(wanted.project, wanted.subject);
    for (int round = 0; round < rounds_max; ++round) {
        const auto present = find(wanted.project, wanted.subject);
        if (present && present->role == wanted.role) co_return granted_role{.record = present};
        const auto index = index_.load();
        const auto members = index->find(wanted.project);
        if (!present && members != index->end() && members->second.size() >= members_max) {
            co_return base::fail(errc::limit,
                                 fmt::format("the project has {} members already, which is the "
                                             "maximum",
                                             members_max),
                                 "too_many");
        }
        wanted.revision = present ? present->revision : 0;
        auto stored = co_await deps_.store.put({.collection = collection,
                                                .content = {.id = id, .body = encode(wanted)},
                                                .expected = wanted.revision});
        if (stored) {
            wanted.revision = *stored;
            deps_.log.info("role_granted", {{"project", wanted.project},
                                            {"member", wanted.subject},
                                            {"role", domain::name(wanted.role)},
                                            {"subject", client.subject},
                                            {"request_id", client.request_id}});
            const auto project = wanted.project;
            const auto subject = wanted.subject;
            publish({std::move(wanted)});
            co_return granted_role{.record = find(project, subject), .is_new = !present};
        }
        // The write may have happened, or another process may have written.
        auto adopted = co_await adopt(id);
        const auto newest = find(wanted.project, wanted.subject);
        const bool is_granted = newest && newest->role == wanted.role;
        const bool has_moved = stored.error().code == errc::precondition;
        if (adopted && (has_moved || is_granted)) continue;
        co_return base::pass(std::move(stored), "store the member");
    }
    co_return base::fail(errc::unavailable, "the member changes faster than it can be written");
}

aio::task<void> member_registry::delete_member(std::string project, std::string subject,
                                               caller client) {
    const auto present = find(project, subject);
    if (!present) co_return no_such_member(project, subject);
    const auto id = id_of(project, subject);
    auto removed = co_await deps_.store.remove({.collection = collection, .id = id});
    if (!removed) {
        auto adopted = co_await adopt(id);
        if (!adopted || find(project, subject)) {
            co_return base::pass(std::move(removed), "delete the member");
        }
    }
    erase(project, subject);
    deps_.log.info("role_revoked", {{"project", project},
                                    {"member", subject},
                                    {"subject", client.subject},
                                    {"request_id", client.request_id}});
    co_return base::ok();
}

}  // namespace app
