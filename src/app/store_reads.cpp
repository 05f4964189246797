#include "app/store_reads.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "aio/aio.hpp"
#include "app/identity/member_json.hpp"

namespace app {
namespace {

using base::errc;

constexpr std::chrono::milliseconds revision_wait_max{2'000};
constexpr std::chrono::milliseconds revision_pause_first{100};

}  // namespace

aio::task<> store_reads::wait_for(awaited_record record) {
    auto& records = record.is_project ? deps_.projects : deps_.databases;
    const auto deadline = deps_.clock.now() + revision_wait_max;
    auto pause = revision_pause_first;
    const bool is_read_once = record.revision == 0;
    while (is_read_once || records.known_version(record.id).revision < record.revision) {
        if (!deps_.store.is_connected()) {
            co_return base::fail(errc::unavailable,
                                 "X-Min-Revision: the store is not connected, so the revision "
                                 "cannot be read; try again",
                                 "store_not_ready");
        }
        auto adopted = co_await records.adopt(record.id);
        if (!adopted) co_return adopted;
        const auto known = records.known_version(record.id).revision;
        if (is_read_once || known == 0 || known >= record.revision) break;
        if (deps_.clock.now() + pause > deadline) {
            co_return base::fail(
                errc::unavailable,
                fmt::format("X-Min-Revision: the newest revision is {}, not {}; try again", known,
                            record.revision),
                "revision_not_reached");
        }
        auto paused = co_await aio::sleep_for(deps_.clock, pause);
        if (!paused) co_return paused;
        pause *= 2;
    }
    co_return base::ok();
}

aio::task<> store_reads::read_for_write(shared_principal caller, written_object object) {
    if (!deps_.has_replicas) co_return base::ok();
    auto documents = unknown_documents_of(object);
    if (caller->credential.empty() && documents.empty()) co_return base::ok();
    if (!deps_.store.is_connected()) {
        co_return base::fail(errc::unavailable,
                             "the store is not connected, so the present permissions of the "
                             "caller cannot be read; try again",
                             "store_not_ready");
    }
    co_return co_await callers_.read(std::move(caller), std::move(documents));
}

std::vector<caller_reader::document_name> store_reads::unknown_documents_of(
    const written_object& object) const {
    std::vector<caller_reader::document_name> result;
    const auto add = [&result](replicated_collection& owner, const std::string& id) {
        if (owner.known_version(id).revision == 0) result.emplace_back(owner, id);
    };
    auto& registries = deps_.registries;
    switch (object.type) {
        using enum written_object::kind;
        case none:
            break;
        case database:
            add(deps_.databases, object.id);
            break;
        case member:
            add(registries.members.collection(), id_of_member(object.id, object.second));
            [[fallthrough]];
        case project:
            add(deps_.projects, object.id);
            break;
        case api_key:
            add(registries.keys.collection(), object.id);
            break;
        case user:
            add(registries.users.collection(), object.id);
            break;
        case role:
            add(registries.roles.collection(), object.id);
            break;
        case key_of_account:
            add(registries.keys.collection(), object.second);
            [[fallthrough]];
        case service_account:
            add(registries.accounts.collection(), object.id);
            break;
    }
    return result;
}

}  // namespace app
