#include "kubedb/credentials_reader.hpp"

#include <utility>

#include "kubedb/credentials.hpp"
#include "kubedb/names.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;
using base::fail;

std::unexpected<base::failure> no_credentials(std::string why) {
    return fail(errc::conflict, std::move(why), "credentials_not_ready");
}
}  // namespace

aio::task<ports::credentials> credentials_reader::read(domain::database record) {
    if (!served_.is_discovered()) co_return not_discovered();
    const auto* kind = find_kind(record.engine);
    const auto what = kind == nullptr ? nullptr : served_.find("kubedb.com", kind->plural);
    const auto binding = served_.find("appcatalog.appscode.com", "appbindings");
    if (!what || !binding) co_return no_credentials("the cluster has no AppBindings");
    // AppBinding and Secret are found by name, and another owner may have the name now.
    auto seen = co_await read_owned(kube_, *kind, *what, record);
    if (!seen) co_return not_readable(std::move(seen).error(), record);
    const auto home = namespace_of(record.project);
    auto bound = co_await kube_.get(*binding, home, record.name);
    if (!bound) co_return not_readable(std::move(bound).error(), record);
    auto found = co_await kube_.get({.version = "v1", .plural = "secrets", .kind = "Secret"}, home,
                                    secret_of(*bound, record.name));
    if (!found) co_return not_readable(std::move(found).error(), record);
    co_return credentials_of(*kind, *bound, *found);
}

// Translates a failed read. A rejection by the server concerns the platform's account, not the
// client of the platform. Its message names that account, so only the log has it.
std::unexpected<base::failure> credentials_reader::not_readable(base::failure why,
                                                                const domain::database& record) {
    const bool is_missing = why.code == errc::not_found || why.code == errc::precondition;
    if (is_missing) return no_credentials("the database has no credentials yet");
    const bool is_refused =
        why.code == errc::denied || why.code == errc::invalid || why.code == errc::unsupported;
    if (!is_refused) return std::unexpected(std::move(why));
    log_.error("credentials_refused",
               {{"database_id", record.id}, {"detail", why.text}, {"reason", why.reason}});
    return fail(errc::unavailable,
                "the cluster denies the platform the credentials; its log says why",
                "cluster_refused");
}

}  // namespace kubedb
