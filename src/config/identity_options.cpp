#include "config/identity_options.hpp"

#include <array>

#include "config/option_readers.hpp"

namespace config {
namespace {

constexpr std::array table{
    option_description{.environment = "JWT_SECRET",
                       .key = "jwt-secret",
                       .help = "Secret that signs access tokens (HS256), the same for every "
                               "replica. Empty: rotated Ed25519 key pairs in the store.",
                       .format = "at least 32 bytes",
                       .is_secret = true,
                       .read = read_jwt_secret<&options::jwt_secret>},
    option_description{.environment = "JWT_SECRET_FILE",
                       .key = "jwt-secret-file",
                       .help = "File that contains the value of jwt-secret, such as a mounted "
                               "Secret.",
                       .format = "path",
                       .read = read_text<&options::jwt_secret_file>},
    option_description{.environment = "JWT_SECRET_PREVIOUS",
                       .key = "jwt-secret-previous",
                       .help = "Secret before a change of jwt-secret; it verifies tokens alone. "
                               "Delete it 20 minutes after the change.",
                       .format = "at least 32 bytes",
                       .is_secret = true,
                       .read = read_jwt_secret<&options::jwt_secret_previous>},
    option_description{.environment = "JWT_SECRET_PREVIOUS_FILE",
                       .key = "jwt-secret-previous-file",
                       .help = "File that contains the value of jwt-secret-previous, such as a "
                               "mounted Secret.",
                       .format = "path",
                       .read = read_text<&options::jwt_secret_previous_file>},
    option_description{.environment = "JWT_ISSUER",
                       .key = "jwt-issuer",
                       .default_value = "kubedb-dbaas",
                       .help = "Issuer and audience of access tokens. Platforms with the same "
                               "jwt-secret need different ones.",
                       .format = "text",
                       .read = read_text<&options::jwt_issuer>},
    option_description{.environment = "PLATFORM_KEY",
                       .key = "platform-key",
                       .help = "Key that seals secrets in the store, such as signing keys. Empty: "
                               "platform-key in data-dir, made if it does not exist. With "
                               "mongodb-url and --auth required, this or jwt-secret must be set.",
                       .format = "64 hexadecimal characters or base64 of 32 bytes",
                       .is_secret = true,
                       .read = read_platform_key<&options::platform_key>},
    option_description{.environment = "PLATFORM_KEY_FILE",
                       .key = "platform-key-file",
                       .help = "File that contains the value of platform-key, such as a mounted "
                               "Secret.",
                       .format = "path",
                       .read = read_text<&options::platform_key_file>},
    option_description{.environment = "PLATFORM_KEY_PREVIOUS",
                       .key = "platform-key-previous",
                       .help = "Key before a change of platform-key. The platform seals what it "
                               "opened with it again.",
                       .format = "64 hexadecimal characters or base64 of 32 bytes",
                       .is_secret = true,
                       .read = read_platform_key<&options::platform_key_previous>},
    option_description{.environment = "DBAAS_API_KEY_MAX_DAYS",
                       .key = "api-key-max-days",
                       .default_value = "366",
                       .help = "Maximum lifetime of new API keys and of changes of their expiry.",
                       .range = {1, 366},
                       .unit = "days",
                       .read = read_number<&options::api_key_max_days>},
    option_description{.environment = "DBAAS_REJECT_BARE_DIGESTS",
                       .key = "reject-bare-digests",
                       .default_value = "false",
                       .help = "Reject API keys whose stored digest has no server key, as earlier "
                               "releases wrote it. 'dbaas admin digest-keys list' counts them.",
                       .format = "true, false",
                       .is_switch = true,
                       .read = read_switch<&options::reject_bare_digests>},
    option_description{.environment = "DBAAS_KUBERNETES_TOKENS",
                       .key = "kubernetes-tokens",
                       .default_value = "false",
                       .help = "Accept tokens of Kubernetes service accounts, verified by "
                               "TokenReview. Needs --auth required.",
                       .format = "true, false",
                       .is_switch = true,
                       .read = read_switch<&options::kubernetes_tokens>},
    option_description{.environment = "DBAAS_KUBERNETES_TOKEN_AUDIENCE",
                       .key = "kubernetes-token-audience",
                       .default_value = "dbaas",
                       .help = "Audience that a token of a service account must have.",
                       .format = "name",
                       .read = read_text<&options::kubernetes_token_audience>},
    option_description{.environment = "DBAAS_PUBLIC_URL",
                       .key = "public-url",
                       .help = "URL of the platform for browsers, such as "
                               "https://dbaas.example.com. Logins at OpenID issuers need it.",
                       .format = "URL",
                       .read = read_text<&options::public_url>},
    option_description{.environment = "OIDC_ISSUER",
                       .key = "oidc-issuer",
                       .help = "URL of an OpenID issuer, which has the name default. Needs --auth "
                               "required.",
                       .format = "URL",
                       .read = read_text<&options::oidc_issuer>},
    option_description{.environment = "OIDC_CLIENT_ID",
                       .key = "oidc-client-id",
                       .help = "Client of the platform at the issuer.",
                       .format = "name",
                       .read = read_text<&options::oidc_client_id>},
    option_description{.environment = "OIDC_CLIENT_SECRET",
                       .key = "oidc-client-secret",
                       .help = "Secret of the client. Empty: a public client.",
                       .format = "text",
                       .is_secret = true,
                       .read = read_secret<&options::oidc_client_secret>},
    option_description{.environment = "OIDC_CLIENT_SECRET_FILE",
                       .key = "oidc-client-secret-file",
                       .help = "File that contains the value of oidc-client-secret, such as a "
                               "mounted Secret.",
                       .format = "path",
                       .read = read_text<&options::oidc_client_secret_file>},
    option_description{.environment = "OIDC_AUDIENCE",
                       .key = "oidc-audience",
                       .help = "Audience of the access tokens of the issuer that are accepted as "
                               "bearer tokens. Empty: none are accepted.",
                       .format = "name",
                       .read = read_text<&options::oidc_audience>},
    option_description{.environment = "OIDC_GROUPS_CLAIM",
                       .key = "oidc-groups-claim",
                       .default_value = "groups",
                       .help = "Claim with the groups of a user.",
                       .format = "name",
                       .read = read_text<&options::oidc_groups_claim>},
    option_description{.environment = "OIDC_ROLES",
                       .key = "oidc-roles",
                       .help = "Roles of groups, comma-separated.",
                       .format = "GROUP=admin,GROUP=PROJECT:ROLE",
                       .read = read_text<&options::oidc_roles>},
    option_description{.environment = "OIDC_ISSUERS_FILE",
                       .key = "oidc-issuers-file",
                       .help = "JSON file with several OpenID issuers, instead of oidc-issuer.",
                       .format = "path",
                       .read = read_text<&options::oidc_issuers_file>},
    option_description{.environment = "OIDC_CA_FILE",
                       .key = "oidc-ca-file",
                       .help = "PEM file of the authorities that issued the certificates of the "
                               "issuers. Empty: the trust store of the system.",
                       .format = "path",
                       .read = read_text<&options::oidc_ca_file>},
};

}  // namespace

std::span<const option_description> identity_options() noexcept {
    return table;
}

}  // namespace config
