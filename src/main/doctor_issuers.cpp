#include "main/doctor_issuers.hpp"

#include <fmt/format.h>

#include "aio/block_on.hpp"
#include "main/oidc_access.hpp"
#include "oidc/issuer_check.hpp"

namespace doctor {
namespace {

using namespace std::chrono_literals;

// The tolerated difference of the clocks, as in token/issuer_jwt.hpp.
constexpr auto clock_offset_max = 60s;
// A difference that grows.
constexpr auto clock_offset_warned = 10s;

finding finding_of(const std::string& check, const oidc::issuer_options& options,
                   const base::outcome<oidc::issuer_report>& report) {
    if (!report) {
        return failed(check, fmt::format("{}: {}", options.url, report.error().text),
                      "check the URL, the network policy, the proxy and oidc-ca-file");
    }
    const auto offset = report->clock_offset.value_or(0s);
    const auto distance = offset < 0s ? -offset : offset;
    const auto clock = fmt::format("the clock of the issuer is {} s {}", distance.count(),
                                   offset < 0s ? "behind" : "ahead");
    constexpr const char* advice = "synchronize the clocks of the node and of the issuer by NTP";
    if (distance > clock_offset_max) {
        return failed(check, clock + "; its tokens are rejected beyond 60 s", advice);
    }
    if (distance > clock_offset_warned) return warning(check, clock, advice);
    return ok(check, fmt::format("{}: {} keys, {} device grant{}", options.url, report->keys,
                                 report->has_device_grant ? "with" : "without",
                                 report->clock_offset ? "" : ", no header Date to compare clocks"));
}

aio::task<> examine(const config::options& options, std::vector<finding>& findings) {
    const auto issuers = read_issuer_options(options);
    if (!issuers) {
        findings.push_back(failed("issuers", issuers.error().text, "correct the file or option"));
        co_return base::ok();
    }
    auto authorities = read_issuer_authorities(options);
    if (!authorities) {
        findings.push_back(failed("issuers", authorities.error().text, "check oidc-ca-file"));
        co_return base::ok();
    }
    const auto fetcher = oidc::make_fetcher(co_await aio::this_executor(), std::move(*authorities));
    if (!fetcher) {
        findings.push_back(failed("issuers", fetcher.error().text, "check oidc-ca-file"));
        co_return base::ok();
    }
    for (const auto& entry : *issuers) {
        const auto report = co_await oidc::check_issuer(**fetcher, entry, base::system_clock());
        findings.push_back(finding_of(fmt::format("issuer {}", entry.name), entry, report));
    }
    if (!issuers->empty() && options.public_url.empty()) {
        findings.push_back(warning("issuers", "public-url is not set, so no login is possible",
                                   "set public-url to the URL of the platform for browsers"));
    }
    co_return base::ok();
}

}  // namespace

std::vector<finding> examine_issuers(const config::options& options) {
    std::vector<finding> findings;
    const auto examined = aio::block_on(examine(options, findings));
    if (!examined) findings.push_back(failed("issuers", examined.error().text, {}));
    return findings;
}

}  // namespace doctor
