#pragma once
// The subjects and the validity of certificates in PEM text. Pure, except that OpenSSL is
// initialized.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"

namespace http {

struct certificate_dates {
    std::string subject;  // common name; may be empty
    base::instant valid_since;
    base::instant expires_at;
};

// Returns the certificates in their order. Errors: invalid (no certificate, or one that does not
// parse).
base::outcome<std::vector<certificate_dates>> read_certificates(std::string_view pem);

}  // namespace http
