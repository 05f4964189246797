#include "oidc/issuer_metadata.hpp"

#include <algorithm>

#include "json/json_access.hpp"
#include "oidc/fetcher.hpp"

namespace oidc {
namespace {

using base::errc;
using base::fail;

// An issuer that does not list its methods may support S256.
bool may_support_s256(const json::object& document) {
    if (!document.contains("code_challenge_methods_supported")) return true;
    return std::ranges::any_of(
        json::array_or_empty(document, "code_challenge_methods_supported"),
        [](const json::value& item) { return item.is_string() && item.get_string() == "S256"; });
}

}  // namespace

std::string metadata_url_of(std::string_view url) {
    while (url.ends_with('/')) url.remove_suffix(1);
    return std::string(url) + "/.well-known/openid-configuration";
}

base::outcome<issuer_metadata> read_metadata(std::string_view text, std::string_view url) {
    const auto value = json::try_parse(text);
    const auto* document = value ? value->if_object() : nullptr;
    if (document == nullptr) return fail(errc::corrupt, "the discovery document is not JSON");
    if (json::text_at(*document, "issuer") != url) {
        return fail(errc::corrupt, "the discovery document belongs to another issuer");
    }
    if (!may_support_s256(*document)) {
        return fail(errc::unsupported, "the issuer does not support PKCE with S256");
    }
    issuer_metadata result{
        .authorization_endpoint = std::string(json::text_at(*document, "authorization_endpoint")),
        .token_endpoint = std::string(json::text_at(*document, "token_endpoint")),
        .device_endpoint = std::string(json::text_at(*document, "device_authorization_endpoint")),
        .keys_url = std::string(json::text_at(*document, "jwks_uri")),
        .sends_issuer = json::flag_at(*document, "authorization_response_iss_parameter_supported")};
    for (const auto* endpoint :
         {&result.authorization_endpoint, &result.token_endpoint, &result.keys_url}) {
        if (!is_safe_url(*endpoint)) {
            return fail(errc::corrupt, "an endpoint of the issuer is missing or not https");
        }
    }
    if (!result.device_endpoint.empty() && !is_safe_url(result.device_endpoint)) {
        return fail(errc::corrupt, "the device endpoint of the issuer is not https");
    }
    return result;
}

}  // namespace oidc
