#include "oidc/issuer_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/time_text.hpp"
#include "oidc/issuer_metadata.hpp"
#include "token/verification_key.hpp"

namespace oidc {
namespace {

using base::errc;
using base::fail;

aio::task<http::response> fetch(fetcher& source, std::string url) {
    auto response = co_await source.send({.url = url});
    if (!response) co_return base::pass(std::move(response), url);
    if (response->status == 200) co_return response;
    co_return fail(errc::unavailable, fmt::format("{}: status {}", url, response->status));
}

}  // namespace

std::optional<base::instant> read_date(std::string_view text) {
    // "Sun, 06 Nov 1994 08:49:37 GMT"
    constexpr std::size_t length = 29;
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != length || !text.ends_with(" GMT")) return std::nullopt;
    const auto month = std::ranges::find(months, text.substr(8, 3));
    if (month == months.end()) return std::nullopt;
    return base::from_rfc3339(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4),
                                          month - months.begin() + 1, text.substr(5, 2),
                                          text.substr(17, 8)));
}

aio::task<issuer_report> check_issuer(fetcher& source, issuer_options options,
                                      const base::clock& clock) {
    const auto document = co_await fetch(source, metadata_url_of(options.url));
    if (!document) co_return base::pass(document, "discovery");
    const auto metadata = read_metadata(document->body.to_string(), options.url);
    if (!metadata) co_return base::pass(metadata, "discovery");
    const auto now = clock.utc_now();
    const auto response = co_await fetch(source, metadata->keys_url);
    if (!response) co_return base::pass(response, "keys");
    const auto keys = token::read_key_set(response->body.to_string());
    if (!keys) co_return base::pass(keys, "keys");
    if (keys->empty()) {
        co_return fail(errc::corrupt, "keys: the set has no key for RS256 or ES256 with a kid");
    }
    issuer_report report{.keys = keys->size(),
                         .has_device_grant = !metadata->device_endpoint.empty()};
    if (const auto date = read_date(response->headers.get("Date"))) {
        report.clock_offset = std::chrono::round<std::chrono::seconds>(*date - now);
    }
    co_return report;
}

}  // namespace oidc
