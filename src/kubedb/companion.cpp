#include "kubedb/companion.hpp"

#include <fmt/format.h>

#include "kubedb/manifests.hpp"
#include "kubedb/names.hpp"
#include "kubedb/observe.hpp"
#include "kubedb/removal.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

base::outcome<void> done() {
    return {};
}

std::string name_of(const engine_kind& kind, const domain::database& record) {
    return companion_name(kind, record.name);
}

// Not ours is a failure; so is ours that is being deleted, because nobody can write to it.
base::outcome<void> check_owner(const engine_kind& kind, const domain::database& record,
                                const domain::observed_database& seen) {
    if (seen.owner_database_id != record.id) {
        return fail(
            errc::conflict,
            fmt::format("a {} '{}/{}' exists and is not this database's", kind.companion.kind,
                        namespace_of(record.project), name_of(kind, record)),
            "foreign");
    }
    if (seen.deleting) {
        return fail(errc::conflict,
                    fmt::format("the {} of a namesake is still being deleted", kind.companion.kind),
                    "deleting");
    }
    return {};
}

}  // namespace

aio::task<> ensure_companion(kube::client& through, kube::resource what, const engine_kind& kind,
                             domain::database record) {
    const auto home = namespace_of(record.project);
    auto made = co_await through.create(what, home, companion_manifest(kind, record));
    if (made) co_return done();
    if (made.error().reason != "AlreadyExists") co_return base::pass(std::move(made));
    auto there = co_await through.get(what, home, name_of(kind, record));
    if (!there) co_return base::pass(std::move(there));
    co_return check_owner(kind, record, observe_database(kind, *there));
}

aio::task<> update_companion(kube::client& through, kube::resource what, const engine_kind& kind,
                             domain::database record) {
    const auto home = namespace_of(record.project);
    auto there = co_await through.get(what, home, name_of(kind, record));
    if (!there && there.error().code == errc::not_found) {
        co_return co_await ensure_companion(through, what, kind, std::move(record));
    }
    if (!there) co_return base::pass(std::move(there));
    const auto seen = observe_database(kind, *there);
    const auto owned = check_owner(kind, record, seen);
    if (!owned) co_return owned;
    auto patched =
        co_await through.patch(what, home, name_of(kind, record), kube::patch_type::merge,
                               update_patch(kind, record, seen.tags));
    if (!patched) co_return base::pass(std::move(patched));
    co_return done();
}

aio::task<bool> remove_companion(kube::client& through, kube::resource what,
                                 const engine_kind& kind, domain::database record) {
    const auto home = namespace_of(record.project);
    auto there = co_await through.get(what, home, name_of(kind, record));
    if (!there && there.error().code == errc::not_found) co_return true;
    if (!there) co_return base::pass(std::move(there));
    const auto seen = observe_database(kind, *there);
    if (seen.owner_database_id != record.id) co_return true;
    if (!seen.deleting) {
        auto asked = co_await delete_object(through, what, kind, std::move(*there));
        if (!asked) co_return base::pass(std::move(asked));
    }
    co_return false;
}

}  // namespace kubedb
