#include "kubedb/dependent_object.hpp"

#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/observe.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;

std::string name_of(const engine_dialect& dialect, const domain::database& record) {
    return dialect.kind().dependent_name(record.name);
}

}  // namespace

aio::task<> ensure_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record) {
    auto created =
        co_await create_or_get(client, std::move(resource), dependent_manifest(dialect, record));
    if (!created) co_return base::pass(std::move(created));
    co_return base::ok();
}

aio::task<> update_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record) {
    const auto ns = namespace_of(record.project);
    auto present = co_await client.get(resource, ns, name_of(dialect, record));
    if (!present && present.error().code == errc::not_found) {
        co_return co_await ensure_dependent_object(client, resource, dialect, std::move(record));
    }
    if (!present) co_return base::pass(std::move(present));
    const auto uid = uid_if_owned(*present, resource.kind, record.id);
    if (!uid) co_return std::unexpected(uid.error());
    const auto seen = observe_database(dialect, *present);
    co_return co_await patch_by_uid(client, resource, {ns, name_of(dialect, record), *uid},
                                    update_patch(dialect.kind(), record, seen.labels));
}

aio::task<> revert_dependent_object(kube::client& client, kube::resource resource,
                                    const engine_dialect& dialect, domain::database record,
                                    bool paused, base::failure failure, obs::log& log) {
    const bool is_retried = failure.retryable() || failure.code == errc::cancelled ||
                            failure.code == errc::gone || failure.code == errc::precondition;
    const bool is_missing = failure.code == errc::not_found;  // no database would use the object
    if (is_retried || is_missing) co_return std::unexpected(std::move(failure));
    record.paused = paused;
    const std::string id = record.id;
    auto updated =
        co_await update_dependent_object(client, std::move(resource), dialect, std::move(record));
    if (!updated) {
        log.warning("dependent_object_revert_failed",
                    {{"database_id", id}, {"detail", updated.error().text}});
    }
    co_return std::unexpected(std::move(failure));
}

aio::task<bool> remove_dependent_object(kube::client& client, kube::resource resource,
                                        const engine_dialect& dialect, domain::database record) {
    const auto ns = namespace_of(record.project);
    auto present = co_await client.get(resource, ns, name_of(dialect, record));
    if (!present && present.error().code == errc::not_found) co_return true;
    if (!present) co_return base::pass(std::move(present));
    const auto seen = observe_database(dialect, *present);
    if (seen.owner_database_id != record.id) co_return true;
    if (!seen.deleting) {
        auto deleted =
            co_await delete_object(client, resource, dialect.kind(), std::move(*present));
        if (!deleted) co_return base::pass(std::move(deleted));
    }
    co_return false;
}

}  // namespace kubedb
