#include "main/doctor_certificates.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/base64.hpp"
#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "main/doctor_cluster.hpp"

namespace doctor {
namespace {

constexpr const char* renewal_advice = "renew it; check the program that renews certificates";

std::int64_t days_until(base::instant end, base::instant now) {
    return std::chrono::floor<std::chrono::days>(end - now).count();
}

// Returns whether a webhook is called for objects of KubeDB.
bool is_of_kubedb(const json::object& webhook) {
    const auto is_group = [](const json::value& group) {
        return group.is_string() &&
               (group.get_string() == "kubedb.com" || group.get_string() == "ops.kubedb.com");
    };
    return std::ranges::any_of(json::array_or_empty(webhook, "rules"), [&](const auto& rule) {
        return rule.is_object() &&
               std::ranges::any_of(json::array_or_empty(rule.get_object(), "apiGroups"), is_group);
    });
}

// A bundle works while one of its certificates is valid.
finding examine_bundle(const std::string& check, std::string_view encoded, base::instant now) {
    const auto pem = base::from_base64(encoded);
    const auto dates = pem ? http::read_certificates(*pem)
                           : base::outcome<std::vector<http::certificate_dates>>(
                                 base::fail(base::errc::invalid, "the caBundle is not base64"));
    if (!dates) return failed(check, dates.error().text, "install KubeDB's webhooks again");
    return examine_dates(
        check, *std::ranges::max_element(*dates, {}, &http::certificate_dates::expires_at), now);
}

}  // namespace

finding examine_dates(std::string check, const http::certificate_dates& dates, base::instant now) {
    const auto days = days_until(dates.expires_at, now);
    const auto text = fmt::format("'{}' is valid until {} ({} days left)", dates.subject,
                                  base::to_rfc3339(dates.expires_at), days);
    if (now < dates.valid_since) {
        return failed(std::move(check),
                      fmt::format("'{}' is valid from {} on", dates.subject,
                                  base::to_rfc3339(dates.valid_since)),
                      "check the clock of the node, or use a certificate that is valid now");
    }
    if (now >= dates.expires_at) {
        return failed(
            std::move(check),
            fmt::format("'{}' expired at {}", dates.subject, base::to_rfc3339(dates.expires_at)),
            renewal_advice);
    }
    if (days < days_left_min) return warning(std::move(check), text, renewal_advice);
    return ok(std::move(check), text);
}

finding examine_certificate(std::string check, std::string_view pem, base::instant now) {
    const auto dates = http::read_certificates(pem);
    if (!dates) return failed(std::move(check), dates.error().text, "use a PEM file of the chain");
    return examine_dates(std::move(check), dates->front(), now);
}

finding examine_webhooks(const std::vector<json::object>& configurations, base::instant now) {
    std::vector<finding> findings;
    std::vector<std::string> without_bundle;
    for (const auto& configuration : configurations) {
        const auto name = name_of(configuration);
        for (const auto& item : json::array_or_empty(configuration, "webhooks")) {
            const auto* const webhook = item.if_object();
            if (webhook == nullptr || !is_of_kubedb(*webhook)) continue;
            const auto bundle =
                json::text_at(json::object_or_empty(*webhook, "clientConfig"), "caBundle");
            if (bundle.empty()) {
                without_bundle.push_back(name);
                continue;
            }
            auto entry = examine_bundle("webhooks", bundle, now);
            entry.detail = name + ": " + entry.detail;
            findings.push_back(std::move(entry));
        }
    }
    if (findings.empty()) {
        if (without_bundle.empty()) {
            return warning("webhooks", "KubeDB has no webhook that checks its objects",
                           "install KubeDB with its webhook server");
        }
        return ok("webhooks", fmt::format("{}: no caBundle, so the API server uses its own trust",
                                          fmt::join(without_bundle, ", ")));
    }
    // The worst one: failed before warning before ok.
    return *std::ranges::max_element(findings, {}, &finding::result);
}

}  // namespace doctor
