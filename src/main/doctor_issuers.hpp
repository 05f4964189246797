#pragma once
// The checks of `dbaas doctor` on the OpenID issuers of the options.

#include <vector>

#include "config/config.hpp"
#include "main/doctor_report.hpp"

namespace doctor {

// Returns a finding per issuer. Blocks; an issuer that does not respond takes up to 6 s.
std::vector<finding> examine_issuers(const config::options& options);

}  // namespace doctor
