#include "config/config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "config/options.hpp"

namespace config {
namespace {

// Environment names with our prefix that are not options of the table.
constexpr std::string_view file_variable = "DBAAS_CONFIG";

struct found_value {
    std::string text;
    std::string source;
};
using found_values = std::map<std::string_view, found_value>;  // by environment name

class fault_list {
  public:
    void add(std::string_view option, std::string code, std::string message) {
        list_.push_back({std::string(option), std::move(code), std::move(message)});
    }
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
    [[nodiscard]] base::failure fail() && {
        std::string text;
        for (const auto& each : list_) {
            text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", each.pointer, each.message);
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
    std::size_t least = wrong.size() / 3 + 2;
    for (const auto& option : all_options()) {
        const auto away = distance(wrong, option.*field);
        if (away < least) {
            least = away;
            best = option.*field;
        }
    }
    return best.empty() ? std::string() : fmt::format("; did you mean '{}'?", best);
}

const option_description* find(std::string_view word,
                               std::string_view option_description::* field) {
    const auto at = std::ranges::find(all_options(), word, field);
    return at == all_options().end() ? nullptr : &*at;
}

// Kubernetes tells a pod of the services of its namespace in variables of this form, and a service
// may be called as we are: DBAAS_API_SERVICE_HOST, DBAAS_API_PORT_8000_TCP_ADDR.
class service_links {
  public:
    explicit service_links(const std::map<std::string, std::string>& environment) {
        for (const auto& [name, value] : environment) {
            if (!name.ends_with(host)) continue;
            const auto service = name.substr(0, name.size() - host.size());
            if (environment.contains(service + std::string(port))) services_.push_back(service);
        }
    }
    [[nodiscard]] bool hold(std::string_view name) const {
        return std::ranges::any_of(services_, [name](std::string_view service) {
            if (!name.starts_with(service)) return false;
            const auto rest = name.substr(service.size());
            return rest == host || is_or_begins(rest, port) || is_or_begins(rest, "_PORT");
        });
    }

  private:
    static constexpr std::string_view host = "_SERVICE_HOST";
    static constexpr std::string_view port = "_SERVICE_PORT";
    static bool is_or_begins(std::string_view text, std::string_view with) {
        return text.starts_with(with) && (text.size() == with.size() || text[with.size()] == '_');
    }
    std::vector<std::string> services_;
};

void read_environment(const sources& from, found_values& into, fault_list& faults) {
    const service_links links(from.environment);
    for (const auto& [name, value] : from.environment) {
        const auto* option = find(name, &option_description::environment);
        if (option != nullptr) {
            if (!value.empty()) into[option->environment] = {value, "environment"};
        } else if (name.starts_with("DBAAS_") && name != file_variable && !links.hold(name)) {
            faults.add(name, "unknown_option",
                       "no such option" + nearest(name, &option_description::environment) +
                           " ('dbaas config' lists them)");
        }
    }
}

// What is not a flag may be a secret that slipped: it is named by its place, and of what looks like
// a flag only the part that is no value.
std::string shown_name(std::string_view word, std::size_t at) {
    if (word.starts_with('-')) return std::string(word.substr(0, word.find('=')));
    return fmt::format("argument {}", at + 1);
}

// Flags win, so they are read last; --config is taken out on the way.
void read_arguments(const sources& from, found_values& into, std::string& file,
                    fault_list& faults) {
    for (std::size_t at = 0; at < from.arguments.size(); ++at) {
        const std::string& word = from.arguments[at];
        if (!word.starts_with("--")) {
            faults.add(shown_name(word, at), "unknown_argument",
                       "is not a flag; flags begin with --");
            continue;
        }
        const auto equals = word.find('=');
        const auto key = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const auto* option = find(key, &option_description::key);
        if (option == nullptr && key != "config") {
            faults.add("--" + key, "unknown_option",
                       "no such flag" + nearest(key, &option_description::key));
            const bool has_value = equals == std::string::npos && at + 1 < from.arguments.size() &&
                                   !from.arguments[at + 1].starts_with("--");
            if (has_value) ++at;
            continue;
        }
        std::string value;
        if (equals != std::string::npos) {
            value = word.substr(equals + 1);
        } else if (option != nullptr && option->is_switch) {
            value = "true";
        } else if (at + 1 < from.arguments.size()) {
            value = from.arguments[++at];
        } else {
            faults.add("--" + key, "missing_value", "needs a value");
            continue;
        }
        if (option == nullptr) {
            file = value;
        } else {
            into[option->environment] = {value, "flag"};
        }
    }
}

std::optional<std::string> scalar(const YAML::Node& node) {
    if (node.IsScalar()) return node.as<std::string>();
    if (!node.IsSequence()) return std::nullopt;
    std::string list;
    for (const auto& each : node) {
        if (!each.IsScalar()) return std::nullopt;
        list += (list.empty() ? "" : ",") + each.as<std::string>();
    }
    return list;
}

void read_file(const std::string& path, found_values& into, fault_list& faults) {
    YAML::Node root;
    try {
        root = YAML::LoadFile(path);
    } catch (const YAML::BadFile&) {
        return faults.add("--config", "unreadable", fmt::format("'{}' cannot be read", path));
    } catch (const YAML::Exception& error) {
        return faults.add("--config", "not_yaml",
                          fmt::format("'{}' is not YAML at line {}", path, error.mark.line + 1));
    }
    if (root.IsNull()) return;
    if (!root.IsMap()) {
        return faults.add("--config", "not_yaml", fmt::format("'{}' must hold 'key: value'", path));
    }
    for (const auto& each : root) {
        const auto key = each.first.as<std::string>("");
        auto dashed = key;
        std::ranges::replace(dashed, '_', '-');
        const auto* option = find(dashed, &option_description::key);
        const auto value = scalar(each.second);
        if (option == nullptr) {
            faults.add(fmt::format("{}: {}", path, key), "unknown_option",
                       "no such option" + nearest(dashed, &option_description::key));
        } else if (!value) {
            faults.add(option->environment, "wrong_type",
                       fmt::format("must be a value or a list of values (in {})", path));
        } else {
            into[option->environment] = {*value, "file"};
        }
    }
}

void check_together(const options& how, fault_list& faults) {
    const bool is_loopback = how.listen_address.starts_with("127.") || how.listen_address == "::1";
    if (!is_loopback && !how.insecure_no_auth) {
        faults.add("DBAAS_LISTEN", "needs_consent",
                   fmt::format("'{}' is not loopback and there is no authentication yet: everybody "
                               "who reaches it would be an administrator; say "
                               "--insecure-no-auth if that is meant",
                               how.listen_address));
    }
    if (how.tls_certificate.empty() != how.tls_key.empty()) {
        faults.add("DBAAS_TLS_CERT", "incomplete", "DBAAS_TLS_CERT and DBAAS_TLS_KEY go together");
    }
}

std::string shown(const option_description& option, std::string_view value) {
    if (option.is_secret && !value.empty()) return std::string(base::secret::mask());
    return std::string(value);
}

}  // namespace

base::outcome<loaded> load(const sources& from) {
    fault_list faults;
    found_values given;
    found_values flags;
    std::string file;
    if (const auto at = from.environment.find(std::string(file_variable));
        at != from.environment.end()) {
        file = at->second;
    }
    read_arguments(from, flags, file, faults);
    if (!file.empty()) read_file(file, given, faults);
    read_environment(from, given, faults);
    for (auto& [name, value] : flags) given[name] = std::move(value);

    loaded result;
    for (const auto& option : all_options()) {
        const auto at = given.find(option.environment);
        const bool is_given = at != given.end();
        const std::string value = is_given ? at->second.text : std::string(option.fallback);
        const std::string source = is_given ? at->second.source : "default";
        const auto why = option.read(value, result.options);
        if (!why.empty()) {
            const auto quoted =
                option.is_secret ? std::string("the value") : fmt::format("'{}'", value);
            faults.add(option.environment, "bad_value",
                       fmt::format("{} {} ({})", quoted, why, source));
        }
        if (is_given && !option.is_in_use) {
            result.notes.push_back(
                fmt::format("{} is accepted but not in use yet", option.environment));
        }
        result.values.push_back({std::string(option.environment), shown(option, value), source});
    }
    check_together(result.options, faults);
    if (!faults.empty()) return std::unexpected(std::move(faults).fail());
    return result;
}

std::string reference_text() {
    std::string text =
        "Each option can be given as a flag, as an environment variable, or in a YAML file named "
        "by\n"
        "--config FILE or DBAAS_CONFIG (key: the flag without dashes in front). Flags win, then "
        "the\n"
        "environment, then the file.\n\n";
    for (const auto& option : all_options()) {
        text += fmt::format("--{:<24} {:<26} {}\n", option.key, option.environment, option.bounds);
        text += fmt::format("    {}{}\n    Default: {}\n", option.help,
                            option.is_in_use ? "" : " (Not in use yet.)",
                            option.fallback.empty() ? "none" : option.fallback);
    }
    return text;
}

}  // namespace config
