#include "kubedb/credentials_reader.hpp"

#include <utility>

#include "kubedb/app_binding.hpp"
#include "kubedb/credentials.hpp"
#include "kubedb/names.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

std::unexpected<base::failure> no_credentials(std::string detail) {
    return fail(errc::conflict, std::move(detail), "credentials_not_ready");
}
}  // namespace

aio::task<ports::credentials> credentials_reader::read(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto* dialect = find_dialect(record.engine);
    const auto resource =
        dialect == nullptr ? nullptr : served_.find("kubedb.com", dialect->kind().plural);
    const auto bindings = served_.find("appcatalog.appscode.com", "appbindings");
    if (!resource || !bindings) co_return no_credentials("the cluster has no AppBindings");
    // AppBinding and Secret are found by name, and another owner may have the name now.
    auto seen = co_await read_owned(kube_, observed_, *dialect, *resource, record);
    if (!seen) co_return not_readable(std::move(seen).error(), record);
    const auto ns = namespace_of(record.project);
    auto binding = co_await kube_.get(*bindings, ns, record.name);
    if (!binding) co_return not_readable(std::move(binding).error(), record);
    const auto named = secret_of(*binding);
    auto secret = co_await kube_.get({.version = "v1", .plural = "secrets", .kind = "Secret"}, ns,
                                     named.empty() ? record.name + "-auth" : named);
    const bool is_missing = !secret && secret.error().code == errc::not_found;
    // A database without authentication has no Secret: Redis up to version 4, for example.
    if (is_missing && named.empty()) {
        co_return credentials_of(*dialect, record.version, *binding, nullptr);
    }
    if (!secret) co_return not_readable(std::move(secret).error(), record);
    co_return credentials_of(*dialect, record.version, *binding, &*secret);
}

// Translates a failed read. A rejection by the server concerns the platform's account, not the
// client of the platform. Its message names that account, and that of a lost connection names the
// server, so only the log has them.
std::unexpected<base::failure> credentials_reader::not_readable(base::failure failure,
                                                                const domain::database& record) {
    const bool is_missing = failure.code == errc::not_found || failure.code == errc::precondition;
    if (is_missing) return no_credentials("the database has no credentials yet");
    const bool is_rejected = failure.code == errc::denied || failure.code == errc::invalid ||
                             failure.code == errc::unsupported;
    if (!is_rejected) {
        log_.warning("credentials_not_read", {{"database_id", record.id},
                                              {"code", base::name(failure.code)},
                                              {"detail", failure.text}});
        failure.text = failure.code == errc::timed_out
                           ? "the cluster did not respond before the deadline"
                           : "the cluster is not available";
        return std::unexpected(std::move(failure));
    }
    log_.error("credentials_refused",
               {{"database_id", record.id}, {"detail", failure.text}, {"reason", failure.reason}});
    return fail(errc::unavailable,
                "the cluster denies the platform the credentials; its log says why",
                "cluster_refused");
}

}  // namespace kubedb
