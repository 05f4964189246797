#pragma once
// The checks of `dbaas doctor` about certificates. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "http/certificate_dates.hpp"
#include "json/json.hpp"
#include "main/doctor_report.hpp"

namespace doctor {

// A certificate with fewer days left is a warning.
inline constexpr int days_left_min = 14;

finding examine_dates(std::string check, const http::certificate_dates& dates, base::instant now);
// The certificate that a server presents: the first one of a chain.
finding examine_certificate(std::string check, std::string_view pem, base::instant now);
// The webhooks of KubeDB, whose `caBundle` must have a certificate that is valid. Items of
// validatingwebhookconfigurations and mutatingwebhookconfigurations.
finding examine_webhooks(const std::vector<json::object>& configurations, base::instant now);

}  // namespace doctor
