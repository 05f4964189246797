#include "kube/token_review_client.hpp"

#include <algorithm>

#include "json/json_access.hpp"
#include "kube/kube_client.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;

const resource token_reviews{.group = "authentication.k8s.io",
                             .version = "v1",
                             .plural = "tokenreviews",
                             .kind = "TokenReview",
                             .namespaced = false};

json::object review_of(const base::secret& token, std::string_view audience) {
    return {{"apiVersion", token_reviews.api_version()},
            {"kind", token_reviews.kind},
            {"spec", {{"token", token.reveal()}, {"audiences", json::array{audience}}}}};
}

// Returns whether the API server has checked the audience. A server that does not know audiences
// leaves the list out.
bool has_checked(const json::object& status, std::string_view audience) {
    return std::ranges::any_of(
        json::array_or_empty(status, "audiences"), [&](const json::value& item) {
            return item.is_string() && std::string_view(item.get_string()) == audience;
        });
}

}  // namespace

aio::task<std::string> review_token(client& client, base::secret token, std::string audience) {
    auto reviewed = co_await client.create(token_reviews, {}, review_of(token, audience));
    if (!reviewed) {
        auto failure = std::move(reviewed).error();
        if (!failure.retryable()) failure.code = errc::unavailable;
        // The message of a rejected object may quote it.
        if (failure.code == errc::unavailable) failure.text = "the API server rejected the review";
        co_return std::unexpected(std::move(failure).in("review a token"));
    }
    const auto* status = json::object_at(*reviewed, "status");
    if (status == nullptr) co_return fail(errc::unavailable, "the review has no status");
    if (!json::flag_at(*status, "authenticated")) {
        co_return fail(errc::denied, "the API server does not accept the token");
    }
    if (!has_checked(*status, audience)) {
        co_return fail(errc::denied, "the token has another audience");
    }
    co_return std::string(json::text_at(json::object_or_empty(*status, "user"), "username"));
}

}  // namespace kube
