#include "config/config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/read_file.hpp"
#include "config/options.hpp"

namespace config {
namespace {

// An environment variable with the prefix DBAAS_ that is not an option.
constexpr std::string_view file_variable = "DBAAS_CONFIG";

struct raw_value {
    std::string text;
    std::string source;
};
using raw_values = std::map<std::string_view, raw_value>;  // by environment name

class error_list {
  public:
    void add(std::string_view option, std::string code, std::string message) {
        list_.push_back({std::string(option), std::move(code), std::move(message)});
    }
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
    [[nodiscard]] base::failure fail() && {
        std::string text;
        for (const auto& error : list_) {
            text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", error.pointer, error.message);
        }
        return {.code = base::errc::invalid, .text = std::move(text), .fields = std::move(list_)};
    }

  private:
    std::vector<base::field_error> list_;
};

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t(0));
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto above = row[j];
            row[j] =
                std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string nearest(std::string_view wrong, std::string_view option_description::* field) {
    std::string_view best;
    std::size_t distance_max = wrong.size() / 3 + 2;
    for (const auto& option : all_options()) {
        const auto edits = distance(wrong, option.*field);
        if (edits < distance_max) {
            distance_max = edits;
            best = option.*field;
        }
    }
    return best.empty() ? std::string() : fmt::format("; did you mean '{}'?", best);
}

const option_description* find(std::string_view word,
                               std::string_view option_description::* field) {
    const auto it = std::ranges::find(all_options(), word, field);
    return it == all_options().end() ? nullptr : &*it;
}

// Kubernetes sets variables for the services in the namespace of a pod. A service whose name starts
// with "dbaas" produces names with the prefix of the options: DBAAS_API_SERVICE_HOST,
// DBAAS_API_PORT_8000_TCP_ADDR.
class service_links {
  public:
    explicit service_links(const std::map<std::string, std::string>& environment) {
        for (const auto& [name, value] : environment) {
            if (!name.ends_with(host)) continue;
            const auto service = name.substr(0, name.size() - host.size());
            if (environment.contains(service + std::string(port))) services_.push_back(service);
        }
    }
    [[nodiscard]] bool contains(std::string_view name) const {
        return std::ranges::any_of(services_, [name](std::string_view service) {
            if (!name.starts_with(service)) return false;
            const auto rest = name.substr(service.size());
            return rest == host || has_prefix(rest, port) || has_prefix(rest, "_PORT");
        });
    }

  private:
    static constexpr std::string_view host = "_SERVICE_HOST";
    static constexpr std::string_view port = "_SERVICE_PORT";
    static bool has_prefix(std::string_view text, std::string_view prefix) {
        return text.starts_with(prefix) &&
               (text.size() == prefix.size() || text[prefix.size()] == '_');
    }
    std::vector<std::string> services_;
};

void read_environment(const sources& sources, raw_values& out, error_list& errors) {
    const service_links links(sources.environment);
    for (const auto& [name, value] : sources.environment) {
        const auto* option = find(name, &option_description::environment);
        if (option != nullptr) {
            if (!value.empty()) out[option->environment] = {value, "environment"};
        } else if (name.starts_with("DBAAS_") && name != file_variable && !links.contains(name)) {
            errors.add(name, "unknown_option",
                       "no such option" + nearest(name, &option_description::environment) +
                           " ('dbaas config' lists them)");
        }
    }
}

// Returns a name for an error message that cannot contain a secret: the position of an argument
// that is not a flag, or a flag without its value.
std::string printable_name(std::string_view word, std::size_t index) {
    if (word.starts_with('-')) return std::string(word.substr(0, word.find('=')));
    return fmt::format("argument {}", index + 1);
}

// Stores the value of --config in `file`.
void read_arguments(const sources& sources, raw_values& out, std::string& file,
                    error_list& errors) {
    for (std::size_t index = 0; index < sources.arguments.size(); ++index) {
        const std::string& word = sources.arguments[index];
        if (!word.starts_with("--")) {
            errors.add(printable_name(word, index), "unknown_argument",
                       "is not a flag; flags start with --");
            continue;
        }
        const auto equals = word.find('=');
        const auto key = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const auto* option = find(key, &option_description::key);
        if (option == nullptr && key != "config") {
            errors.add("--" + key, "unknown_option",
                       "no such flag" + nearest(key, &option_description::key));
            const bool has_value = equals == std::string::npos &&
                                   index + 1 < sources.arguments.size() &&
                                   !sources.arguments[index + 1].starts_with("--");
            if (has_value) ++index;
            continue;
        }
        std::string value;
        if (equals != std::string::npos) {
            value = word.substr(equals + 1);
        } else if (option != nullptr && option->is_switch) {
            value = "true";
        } else if (index + 1 < sources.arguments.size()) {
            value = sources.arguments[++index];
        } else {
            errors.add("--" + key, "missing_value", "needs a value");
            continue;
        }
        if (option == nullptr) {
            file = value;
        } else {
            out[option->environment] = {value, "flag"};
        }
    }
}

std::optional<std::string> scalar(const YAML::Node& node) {
    if (node.IsScalar()) return node.as<std::string>();
    if (!node.IsSequence()) return std::nullopt;
    std::string list;
    for (const auto& item : node) {
        if (!item.IsScalar()) return std::nullopt;
        list += (list.empty() ? "" : ",") + item.as<std::string>();
    }
    return list;
}

void read_file(const std::string& path, raw_values& out, error_list& errors) {
    YAML::Node root;
    try {
        root = YAML::LoadFile(path);
    } catch (const YAML::BadFile&) {
        return errors.add("--config", "unreadable", fmt::format("'{}' cannot be read", path));
    } catch (const YAML::Exception& error) {
        return errors.add("--config", "not_yaml",
                          fmt::format("'{}' is not YAML at line {}", path, error.mark.line + 1));
    }
    if (root.IsNull()) return;
    if (!root.IsMap()) {
        return errors.add("--config", "not_yaml",
                          fmt::format("'{}' must be a map of 'key: value'", path));
    }
    for (const auto& member : root) {
        const auto key = member.first.as<std::string>("");
        auto dashed = key;
        std::ranges::replace(dashed, '_', '-');
        const auto* option = find(dashed, &option_description::key);
        const auto value = scalar(member.second);
        if (option == nullptr) {
            errors.add(fmt::format("{}: {}", path, key), "unknown_option",
                       "no such option" + nearest(dashed, &option_description::key));
        } else if (!value) {
            errors.add(option->environment, "wrong_type",
                       fmt::format("must be a value or a list of values (in {})", path));
        } else {
            out[option->environment] = {*value, "file"};
        }
    }
}

bool is_loopback(const options& options) {
    return options.listen_address.starts_with("127.") || options.listen_address == "::1";
}

bool has_issuer(const options& options) {
    return !options.oidc_issuer.empty() || !options.oidc_issuers_file.empty();
}

void choose_auth_mode(options& options, error_list& errors) {
    const bool is_production = options.environment == environment_kind::production;
    if (options.auth == auth_mode::local && is_production && !options.insecure_no_auth) {
        errors.add("DBAAS_AUTH", "not_allowed",
                   "must not be local with ENVIRONMENT=production; leave it out, or set "
                   "--insecure-no-auth to make every client an administrator");
    }
    if (options.auth != auth_mode::automatic) return;
    const bool has_credential = !options.bootstrap_admin_password.empty() ||
                                !options.jwt_secret.empty() || !options.admin_key_file.empty() ||
                                options.kubernetes_tokens || has_issuer(options);
    const bool is_local =
        options.insecure_no_auth || (is_loopback(options) && !is_production && !has_credential);
    options.auth = is_local ? auth_mode::local : auth_mode::required;
}

// The options of tokens and logins of other systems.
void check_external_identities(const options& options, error_list& errors) {
    const bool is_required = options.auth == auth_mode::required;
    if (options.kubernetes_tokens && !is_required) {
        errors.add("DBAAS_KUBERNETES_TOKENS", "ambiguous", "must not be set with --auth local");
    }
    if (options.kubernetes_token_audience.empty()) {
        errors.add("DBAAS_KUBERNETES_TOKEN_AUDIENCE", "empty",
                   "must not be empty, because a token for another system would be accepted");
    }
    if (has_issuer(options) && !is_required) {
        errors.add("OIDC_ISSUER", "ambiguous", "must not be set with --auth local");
    }
    if (!options.oidc_issuer.empty() && !options.oidc_issuers_file.empty()) {
        errors.add("OIDC_ISSUER", "ambiguous", "must not be set together with OIDC_ISSUERS_FILE");
    }
    if (options.oidc_issuer.empty() != options.oidc_client_id.empty()) {
        errors.add("OIDC_CLIENT_ID", "incomplete", "must be set together with OIDC_ISSUER");
    }
    if (!options.oidc_audience.empty() && options.oidc_audience == options.oidc_client_id) {
        errors.add("OIDC_AUDIENCE", "ambiguous",
                   "must differ from OIDC_CLIENT_ID, which is the audience of id tokens");
    }
    const auto& url = options.public_url;
    if (!url.empty() &&
        ((!url.starts_with("https://") && !url.starts_with("http://")) || url.ends_with('/'))) {
        errors.add("DBAAS_PUBLIC_URL", "invalid", "must be a URL without a slash at the end");
    }
}

void check_combinations(const options& options, error_list& errors) {
    check_external_identities(options, errors);
    const bool is_required = options.auth == auth_mode::required;
    if (!is_loopback(options) && !is_required && !options.insecure_no_auth) {
        errors.add("DBAAS_LISTEN", "needs_consent",
                   fmt::format("'{}' is not a loopback address: without authentication every "
                               "client would be an administrator; use 127.0.0.1 or --auth "
                               "required, or set --insecure-no-auth to accept that",
                               options.listen_address));
    }
    if (is_required && options.insecure_no_auth) {
        errors.add("DBAAS_INSECURE_NO_AUTH", "ambiguous",
                   "must not be set together with --auth required");
    }
    if (options.tls_certificate.empty() != options.tls_key.empty()) {
        errors.add("DBAAS_TLS_CERT", "incomplete", "must be set together with DBAAS_TLS_KEY");
    }
    if (options.redis_cert_file.empty() != options.redis_key_file.empty()) {
        errors.add("REDIS_CERT_FILE", "incomplete", "must be set together with REDIS_KEY_FILE");
    }
    if (options.audit_export == audit_export_mode::otlp && options.otlp_endpoint.empty() &&
        options.otlp_logs_endpoint.empty()) {
        errors.add("DBAAS_AUDIT_EXPORT", "incomplete",
                   "otlp needs OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT");
    }
}

void check_keys(const options& options, error_list& errors) {
    const bool has_previous_only =
        options.jwt_secret.empty() && !options.jwt_secret_previous.empty();
    if (has_previous_only) {
        errors.add("JWT_SECRET_PREVIOUS", "incomplete", "must be set together with JWT_SECRET");
    }
    if (options.platform_key.empty() && !options.platform_key_previous.empty()) {
        errors.add("PLATFORM_KEY_PREVIOUS", "incomplete", "must be set together with PLATFORM_KEY");
    }
    const bool has_no_digest_key =
        options.reject_bare_digests && !options.mongodb_url.empty() && options.platform_key.empty();
    if (has_no_digest_key) {
        errors.add("DBAAS_REJECT_BARE_DIGESTS", "incomplete",
                   "must be set together with PLATFORM_KEY, because every digest needs a server "
                   "key that is sealed with it");
    }
    // A file of this replica alone would make keys that no other replica can read.
    const bool needs_shared_key = options.auth == auth_mode::required &&
                                  !options.mongodb_url.empty() && options.platform_key.empty() &&
                                  options.jwt_secret.empty();
    if (needs_shared_key) {
        errors.add("PLATFORM_KEY", "required",
                   "must be set with MONGODB_URL and --auth required, the same for every replica; "
                   "'openssl rand -hex 32' makes one (or set JWT_SECRET)");
    }
}

struct secret_file {
    std::string_view file_option;
    std::string_view value_option;
    const std::string& path;
    const base::secret& value;
};

// Reads a secret from its file, so that it is neither in the arguments nor in the environment of
// the process.
void read_secret_file(const secret_file& source, options& options, error_list& errors) {
    const auto& [name, value_name, path, value] = source;
    if (path.empty()) return;
    if (!value.empty()) {
        return errors.add(name, "ambiguous",
                          fmt::format("must not be set together with {}", value_name));
    }
    const auto content = base::read_file(path);
    if (!content) return errors.add(name, "unreadable", fmt::format("'{}' cannot be read", path));
    const auto end = content->find_last_not_of(" \t\r\n");
    const auto text = content->substr(0, end == std::string::npos ? 0 : end + 1);
    if (text.empty()) return errors.add(name, "empty", fmt::format("'{}' is empty", path));
    const auto* option = find(value_name, &option_description::environment);
    const auto problem = option->read(*option, text, options);
    if (!problem.empty()) {
        errors.add(name, "bad_value", fmt::format("the content of '{}' {}", path, problem));
    }
}

void read_secret_files(options& options, error_list& errors) {
    read_secret_file({.file_option = "MONGODB_URL_FILE",
                      .value_option = "MONGODB_URL",
                      .path = options.mongodb_url_file,
                      .value = options.mongodb_url},
                     options, errors);
    read_secret_file({.file_option = "REDIS_URL_FILE",
                      .value_option = "REDIS_URL",
                      .path = options.redis_url_file,
                      .value = options.redis_url},
                     options, errors);
    read_secret_file({.file_option = "OIDC_CLIENT_SECRET_FILE",
                      .value_option = "OIDC_CLIENT_SECRET",
                      .path = options.oidc_client_secret_file,
                      .value = options.oidc_client_secret},
                     options, errors);
    read_secret_file({.file_option = "BOOTSTRAP_ADMIN_PASSWORD_FILE",
                      .value_option = "BOOTSTRAP_ADMIN_PASSWORD",
                      .path = options.bootstrap_admin_password_file,
                      .value = options.bootstrap_admin_password},
                     options, errors);
    read_secret_file({.file_option = "JWT_SECRET_FILE",
                      .value_option = "JWT_SECRET",
                      .path = options.jwt_secret_file,
                      .value = options.jwt_secret},
                     options, errors);
    read_secret_file({.file_option = "JWT_SECRET_PREVIOUS_FILE",
                      .value_option = "JWT_SECRET_PREVIOUS",
                      .path = options.jwt_secret_previous_file,
                      .value = options.jwt_secret_previous},
                     options, errors);
    read_secret_file({.file_option = "SENTRY_DSN_FILE",
                      .value_option = "SENTRY_DSN",
                      .path = options.sentry_dsn_file,
                      .value = options.sentry_dsn},
                     options, errors);
    read_secret_file({.file_option = "PLATFORM_KEY_FILE",
                      .value_option = "PLATFORM_KEY",
                      .path = options.platform_key_file,
                      .value = options.platform_key},
                     options, errors);
}

std::string printable(const option_description& option, std::string_view value) {
    if (option.is_secret && !value.empty()) return std::string(base::secret::mask());
    return std::string(value);
}

}  // namespace

base::outcome<loaded> load(const sources& sources) {
    error_list errors;
    raw_values values;
    raw_values flags;
    std::string file;
    if (const auto it = sources.environment.find(std::string(file_variable));
        it != sources.environment.end()) {
        file = it->second;
    }
    read_arguments(sources, flags, file, errors);
    if (!file.empty()) read_file(file, values, errors);
    read_environment(sources, values, errors);
    for (auto& [name, value] : flags) values[name] = std::move(value);

    loaded result;
    for (const auto& option : all_options()) {
        const auto it = values.find(option.environment);
        const bool is_set = it != values.end();
        const std::string value = is_set ? it->second.text : std::string(option.default_value);
        const std::string source = is_set ? it->second.source : "default";
        const auto problem = option.read(option, value, result.options);
        if (!problem.empty()) {
            const auto quoted =
                option.is_secret ? std::string("the value") : fmt::format("'{}'", value);
            errors.add(option.environment, "bad_value",
                       fmt::format("{} {} ({})", quoted, problem, source));
        }
        if (is_set && !option.is_in_use) {
            result.notes.push_back(
                fmt::format("{} is accepted but not in use yet", option.environment));
        }
        result.values.push_back(
            {std::string(option.environment), printable(option, value), source});
    }
    read_secret_files(result.options, errors);
    choose_auth_mode(result.options, errors);
    const auto mode = result.options.rate_limits;
    const bool is_limited =
        mode == rate_limit_mode::on ||
        (mode == rate_limit_mode::automatic && result.options.auth == auth_mode::required);
    if (!is_limited) result.options.rate_quotas = {};
    check_combinations(result.options, errors);
    check_keys(result.options, errors);
    if (!errors.empty()) return std::unexpected(std::move(errors).fail());
    return result;
}

differences compare(const loaded& before, const loaded& after) {
    differences result;
    for (std::size_t i = 0; i < before.values.size(); ++i) {
        if (before.values[i].value == after.values[i].value) continue;
        auto& list = all_options()[i].is_reloadable ? result.applied : result.pending;
        list.push_back(after.values[i].name);
    }
    return result;
}

std::string_view name(environment_kind environment) noexcept {
    switch (environment) {
        case environment_kind::development:
            return "development";
        case environment_kind::staging:
            return "staging";
        case environment_kind::production:
            return "production";
    }
    return "development";
}

std::string reference_text() {
    std::string text =
        "Set each option as a flag, as an environment variable, or in a YAML file that --config "
        "FILE or\nDBAAS_CONFIG names (key: the flag without leading dashes). Flags override the "
        "environment, and the\nenvironment overrides the file.\n\n";
    for (const auto& option : all_options()) {
        text += fmt::format("--{:<24} {:<26} {}\n", option.key, option.environment,
                            accepted_values(option));
        text += fmt::format("    {}{}{}\n    Default: {}\n", option.help,
                            option.is_in_use ? "" : " (Not in use yet.)",
                            option.is_reloadable ? " SIGHUP puts a new value into use." : "",
                            option.default_value.empty() ? "none" : option.default_value);
    }
    return text;
}

}  // namespace config
