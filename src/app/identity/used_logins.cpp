#include "app/identity/used_logins.hpp"

#include <vector>

#include "app/document_walk.hpp"
#include "app/store_failure.hpp"
#include "base/time_text.hpp"

namespace app {
namespace {

using base::errc;

const std::string collection = "used_logins";

}  // namespace

aio::task<bool> used_logins::use(std::string id) {
    // The store accepts one creation of a document. The body is the time of the use.
    auto stored = co_await store_.put(
        {.collection = collection,
         .content = {.id = std::move(id), .body = base::to_rfc3339_micro(clock_.utc_now())}});
    if (stored) co_return true;
    if (stored.error().code == errc::precondition) co_return false;
    co_return pass_store(std::move(stored), "mark the login as used");
}

aio::task<bool> used_logins::is_used(std::string id) {
    auto document = co_await store_.get(collection, std::move(id));
    if (document) co_return true;
    if (document.error().code == errc::not_found) co_return false;
    co_return pass_store(std::move(document), "read the used login");
}

aio::task<> used_logins::purge() {
    std::vector<std::string> expired;
    const auto now = clock_.utc_now();
    auto visited = co_await visit_documents(
        store_, collection, [&](const ports::document& document) -> base::outcome<void> {
            const auto used_at = base::from_rfc3339(document.body);
            if (!used_at || *used_at + retention <= now) expired.push_back(document.id);
            return base::ok();
        });
    if (!visited) co_return visited;
    for (const auto& id : expired) {
        auto removed = co_await store_.remove({.collection = collection, .id = id});
        if (!removed) co_return pass_store(std::move(removed), "delete an expired login");
    }
    co_return base::ok();
}

}  // namespace app
