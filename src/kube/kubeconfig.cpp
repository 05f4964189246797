#include "kube/kubeconfig.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.hpp"
#include "base/read_file.hpp"
#include "kube/credentials_source.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;

base::outcome<std::string> text_of_file(const std::string& path) {
    auto text = base::read_file(path);
    if (!text) return fail(errc::not_found, fmt::format("'{}' cannot be read", path));
    return std::move(*text);
}

std::string text_of(const YAML::Node& node, const char* key) {
    const auto value = node[key];
    return value && value.IsScalar() ? value.as<std::string>() : "";
}

struct config_file {
    std::string path;
    YAML::Node root;
    [[nodiscard]] std::filesystem::path folder() const {
        return std::filesystem::path(path).parent_path();
    }
};
using config_files = std::vector<config_file>;

// An entry of a named list, and the folder that its relative paths start from.
struct entry {
    YAML::Node content;  // a map; empty if the file has no content for the name
    std::filesystem::path folder;
    bool is_listed = false;
};

// Returns the entry of a list ("users"), as its inner map ("user"). The first file that lists the
// name wins, even if it has no content for it.
base::outcome<entry> entry_of(const config_files& files, const char* list, const char* inner,
                              const std::string& name) {
    for (const auto& file : files) {
        const auto entries = file.root[list];
        if (!entries || !entries.IsSequence()) continue;
        const auto is_named = [&name](const YAML::Node& each) {
            return each.IsMap() && text_of(each, "name") == name;
        };
        if (std::ranges::count_if(entries, is_named) > 1) {
            return fail(errc::invalid, fmt::format("'{}' has several entries '{}' in {}; delete "
                                                   "all but one",
                                                   file.path, name, list));
        }
        for (const auto& each : entries) {
            if (!is_named(each)) continue;
            entry result{
                .content = YAML::Node(YAML::NodeType::Map),
                .folder = file.folder(),
                .is_listed = true,
            };
            const auto content = each[inner];
            if (!content || content.IsNull()) return result;
            if (!content.IsMap()) {
                return fail(errc::invalid,
                            fmt::format("entry '{}' in {} is not a map", name, list));
            }
            result.content = content;
            return result;
        }
    }
    return entry{.content = YAML::Node(YAML::NodeType::Map), .folder = {}};
}

bool is_given(const YAML::Node& node, const char* key) {
    const auto value = node[key];
    return value && !value.IsNull() && !(value.IsScalar() && value.Scalar().empty());
}

base::outcome<bool> flag_of(const YAML::Node& node, const char* key) {
    if (!is_given(node, key)) return false;
    bool flag = false;
    if (YAML::convert<bool>::decode(node[key], flag)) return flag;
    return fail(errc::invalid, fmt::format("{} is neither true nor false", key));
}

struct piece {
    std::string text;
    std::string file;  // where it came from; empty when it stood in the kubeconfig
};

// "certificate-authority-data" or the file named by "certificate-authority".
base::outcome<piece> material(const YAML::Node& node, const std::string& key,
                              const std::filesystem::path& folder) {
    const auto inlined = text_of(node, (key + "-data").c_str());
    if (!inlined.empty()) {
        auto bytes = base::from_base64(inlined);
        if (!bytes) return fail(errc::invalid, fmt::format("{}-data is not base64", key));
        return piece{.text = std::move(*bytes)};
    }
    const auto path = text_of(node, key.c_str());
    if (path.empty()) return piece{};
    auto file = (folder / path).string();
    auto bytes = text_of_file(file);
    if (!bytes) bytes.error().code = errc::invalid;
    if (!bytes) return base::pass(std::move(bytes), key);
    return piece{.text = std::move(*bytes), .file = std::move(file)};
}

base::outcome<void> read_cluster(const YAML::Node& cluster, const std::filesystem::path& folder,
                                 config& out) {
    if (!is_given(cluster, "server")) return fail(errc::invalid, "the cluster has no server");
    auto server = http::parse_url(text_of(cluster, "server"));
    if (!server) return base::pass(std::move(server), "server");
    out.server = std::move(*server);
    auto ca = material(cluster, "certificate-authority", folder);
    if (!ca) return base::pass(std::move(ca));
    out.ca_pem = std::move(ca->text);
    out.ca_file = std::move(ca->file);
    auto insecure = flag_of(cluster, "insecure-skip-tls-verify");
    if (!insecure) return base::pass(std::move(insecure));
    out.insecure_skip_verify = *insecure;
    if (*insecure && !out.ca_pem.empty()) {
        return fail(errc::invalid,
                    "certificate-authority and insecure-skip-tls-verify exclude each other");
    }
    out.tls_server_name = text_of(cluster, "tls-server-name");
    if (is_given(cluster, "proxy-url")) {
        return fail(errc::unsupported,
                    "cluster proxy-url is not supported; name a server that is "
                    "reached directly");
    }
    return {};
}

base::outcome<void> read_token(const YAML::Node& user, const std::filesystem::path& folder,
                               config& out) {
    auto text = text_of(user, "token");
    const auto path = text_of(user, "tokenFile");  // counts more, as in Kubernetes' own clients
    if (!path.empty()) {
        out.token_file = (folder / path).string();
        auto read = text_of_file(out.token_file);
        if (!read) read.error().code = errc::invalid;
        if (!read) return base::pass(std::move(read), "tokenFile");
        text = std::move(*read);
    }
    if (text.empty() && path.empty()) return {};
    auto token = token_of(text);
    if (!token) {
        return fail(errc::invalid,
                    path.empty() ? "the token of the user is no token"
                                 : fmt::format("tokenFile '{}' holds no token", out.token_file));
    }
    out.token = std::move(*token);
    return {};
}

base::outcome<void> read_user(const YAML::Node& user, const std::filesystem::path& folder,
                              config& out) {
    for (const auto* unsupported : {"exec", "auth-provider", "username", "password", "as", "as-uid",
                                    "as-groups", "as-user-extra"}) {
        if (is_given(user, unsupported)) {
            return fail(errc::unsupported,
                        fmt::format("user {} is not supported; use a token or a client certificate",
                                    unsupported));
        }
    }
    auto result_of_read = read_token(user, folder, out);
    if (!result_of_read) return result_of_read;
    auto certificate = material(user, "client-certificate", folder);
    if (!certificate) return base::pass(std::move(certificate));
    out.client_certificate_pem = std::move(certificate->text);
    out.client_certificate_file = std::move(certificate->file);
    auto key = material(user, "client-key", folder);
    if (!key) return base::pass(std::move(key));
    out.client_key_pem = base::secret(std::move(key->text));
    out.client_key_file = std::move(key->file);
    if (out.client_certificate_pem.empty() != out.client_key_pem.empty()) {
        return fail(errc::invalid, "client-certificate and client-key go together");
    }
    return {};
}

std::string current_context(const config_files& files) {
    for (const auto& file : files) {
        auto name = text_of(file.root, "current-context");
        if (!name.empty()) return name;
    }
    return {};
}

base::outcome<config> read_files(const config_files& files, std::string_view context) {
    const auto name = context.empty() ? current_context(files) : std::string(context);
    if (name.empty()) return fail(errc::invalid, "there is no current-context; name a context");
    auto chosen = entry_of(files, "contexts", "context", name);
    if (!chosen) return base::pass(std::move(chosen));
    if (!chosen->is_listed) {
        return fail(errc::invalid, fmt::format("no entry '{}' in contexts", name));
    }
    config result{.context = name};
    if (const auto ns = text_of(chosen->content, "namespace"); !ns.empty()) result.ns = ns;
    const auto cluster_name = text_of(chosen->content, "cluster");
    if (cluster_name.empty()) {
        return fail(errc::invalid, fmt::format("context '{}' names no cluster", name));
    }
    auto cluster = entry_of(files, "clusters", "cluster", cluster_name);
    if (!cluster) return base::pass(std::move(cluster));
    if (!cluster->is_listed) {
        return fail(errc::invalid, fmt::format("no entry '{}' in clusters", cluster_name));
    }
    auto result_of_read = read_cluster(cluster->content, cluster->folder, result);
    if (!result_of_read) {
        return base::pass(std::move(result_of_read), fmt::format("cluster '{}'", cluster_name));
    }
    // As kubectl does: without a user, or without an entry for it, the client has no credentials.
    const auto user_name = text_of(chosen->content, "user");
    auto user = entry_of(files, "users", "user", user_name);
    if (!user) return base::pass(std::move(user));
    result_of_read = read_user(user->content, user->folder, result);
    if (!result_of_read) {
        return base::pass(std::move(result_of_read), fmt::format("user '{}'", user_name));
    }
    return result;
}

base::outcome<config_file> parse_file(const std::string& path, const std::string& text) {
    try {
        config_file file{.path = path, .root = YAML::Load(text)};
        if (file.root.IsNull()) file.root = YAML::Node(YAML::NodeType::Map);  // an empty file
        if (!file.root.IsMap()) {
            return fail(errc::invalid, fmt::format("kubeconfig '{}' is no map", path));
        }
        return file;
    } catch (const YAML::Exception& error) {
        return fail(errc::invalid, fmt::format("kubeconfig '{}' is not YAML at line {}", path,
                                               error.mark.line + 1));
    }
}

}  // namespace

std::vector<std::string> split_kubeconfig_list(std::string_view list) {
    std::vector<std::string> paths;
    while (!list.empty()) {
        const auto end = std::min(list.find(':'), list.size());
        std::string path(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
        if (path.empty() || std::ranges::find(paths, path) != paths.end()) continue;
        paths.push_back(std::move(path));
    }
    return paths;
}

base::outcome<config> load_kubeconfig(const std::string& path, std::string_view context) {
    return load_kubeconfigs({path}, context);
}

base::outcome<config> load_kubeconfigs(const std::vector<std::string>& paths,
                                       std::string_view context) {
    config_files files;
    for (const auto& path : paths) {
        std::error_code error;
        if (paths.size() > 1 && !std::filesystem::exists(path, error) && !error) continue;
        auto text = text_of_file(path);
        if (!text) return base::pass(std::move(text), "kubeconfig");
        auto file = parse_file(path, *text);
        if (!file) return base::pass(std::move(file));
        files.push_back(std::move(*file));
    }
    const auto names = fmt::format("kubeconfig '{}'", fmt::join(paths, ":"));
    if (files.empty()) return fail(errc::not_found, names + ": none of the files exists");
    try {
        auto result = read_files(files, context);
        if (!result) return base::pass(std::move(result), names);
        result->kubeconfigs = paths;
        return result;
    } catch (const YAML::Exception& error) {  // a value of another type than expected
        return fail(errc::invalid, fmt::format("{}: {}", names, error.msg));
    }
}

base::outcome<config> load_in_cluster(const std::string& host, const std::string& port,
                                      const std::string& root) {
    if (host.empty() || port.empty()) {
        return fail(errc::not_found,
                    "not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set; name a "
                    "kubeconfig");
    }
    const auto folder =
        std::filesystem::path(root) / "var/run/secrets/kubernetes.io/serviceaccount";
    const bool is_v6 = host.find(':') != std::string::npos;
    auto server =
        http::parse_url(fmt::format("https://{}:{}", is_v6 ? "[" + host + "]" : host, port));
    if (!server) return base::pass(std::move(server), "in-cluster server");
    config result{.server = std::move(*server),
                  .ca_file = (folder / "ca.crt").string(),
                  .token_file = (folder / "token").string()};
    auto ca = text_of_file(result.ca_file);
    if (!ca) return base::pass(std::move(ca), "service account");
    result.ca_pem = std::move(*ca);
    auto text = text_of_file(result.token_file);
    if (!text) return base::pass(std::move(text), "service account");
    auto token = token_of(*text);
    if (!token) {
        return fail(errc::invalid,
                    fmt::format("service account: '{}' holds no token", result.token_file));
    }
    result.token = std::move(*token);
    auto ns = text_of_file((folder / "namespace").string());
    if (ns && !ns->empty()) result.ns = ns->substr(0, ns->find_first_of(" \r\n"));
    return result;
}

}  // namespace kube
