#include "kubedb/dependent_object.hpp"

#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observe.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;

std::string name_of(const engine_kind& kind, const domain::database& record) {
    return companion_name(kind, record.name);
}

}  // namespace

aio::task<> ensure_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                             domain::database record) {
    auto made = co_await create_or_get(client, std::move(what), companion_manifest(kind, record));
    if (!made) co_return base::pass(std::move(made));
    co_return base::ok();
}

aio::task<> update_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                             domain::database record) {
    const auto home = namespace_of(record.project);
    auto there = co_await client.get(what, home, name_of(kind, record));
    if (!there && there.error().code == errc::not_found) {
        co_return co_await ensure_companion(client, what, kind, std::move(record));
    }
    if (!there) co_return base::pass(std::move(there));
    const auto uid = uid_if_owned(*there, what.kind, record.id);
    if (!uid) co_return std::unexpected(uid.error());
    const auto seen = observe_database(kind, *there);
    co_return co_await patch_by_uid(client, what, {home, name_of(kind, record), *uid},
                                    update_patch(kind, record, seen.labels));
}

aio::task<> take_back_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                                domain::database record, bool paused, base::failure why,
                                obs::log& log) {
    const bool is_tried_again = why.retryable() || why.code == errc::cancelled ||
                                why.code == errc::gone || why.code == errc::precondition;
    const bool is_missing = why.code == errc::not_found;  // no database would use the object
    if (is_tried_again || is_missing) co_return std::unexpected(std::move(why));
    record.paused = paused;
    const std::string id = record.id;
    auto updated = co_await update_companion(client, std::move(what), kind, std::move(record));
    if (!updated) {
        log.warning("companion_revert_failed",
                    {{"database_id", id}, {"detail", updated.error().text}});
    }
    co_return std::unexpected(std::move(why));
}

aio::task<bool> remove_companion(kube::client& client, kube::resource what, const engine_kind& kind,
                                 domain::database record) {
    const auto home = namespace_of(record.project);
    auto there = co_await client.get(what, home, name_of(kind, record));
    if (!there && there.error().code == errc::not_found) co_return true;
    if (!there) co_return base::pass(std::move(there));
    const auto seen = observe_database(kind, *there);
    if (seen.owner_database_id != record.id) co_return true;
    if (!seen.deleting) {
        auto asked = co_await delete_object(client, what, kind, std::move(*there));
        if (!asked) co_return base::pass(std::move(asked));
    }
    co_return false;
}

}  // namespace kubedb
