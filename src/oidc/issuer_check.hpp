#pragma once
// Checks whether an issuer can be used, for `dbaas doctor`: its discovery document, its keys and
// its clock. Lives on the loop of the fetcher.

#include <chrono>
#include <optional>

#include "oidc/fetcher.hpp"
#include "oidc/issuer_options.hpp"

namespace oidc {

struct issuer_report {
    std::size_t keys = 0;
    bool has_device_grant = false;
    // The clock of the issuer minus this one, from the header Date; nothing if the issuer sends
    // none.
    std::optional<std::chrono::seconds> clock_offset{};
};

// The fetcher and the clock must outlive the task. Errors: those of the fetcher; unavailable
// (another status than 200), corrupt (a document that cannot be used), unsupported (PKCE without
// S256). The text says which of the documents it is about.
aio::task<issuer_report> check_issuer(fetcher& source, issuer_options options,
                                      const base::clock& clock);
// Parses the header Date (RFC 9110, 5.6.7: IMF-fixdate). Pure.
std::optional<base::instant> read_date(std::string_view text);

}  // namespace oidc
