#include "main/doctor_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "aio/block_on.hpp"
#include "base/read_file.hpp"
#include "json/json_access.hpp"
#include "kube/discovery.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/names.hpp"
#include "kubedb/permissions.hpp"
#include "main/cluster_access.hpp"
#include "main/doctor_certificates.hpp"
#include "main/doctor_cluster.hpp"
#include "main/doctor_issuers.hpp"
#include "main/doctor_objects.hpp"
#include "main/doctor_options.hpp"
#include "main/redis_access.hpp"
#include "mongo/driver.hpp"
#include "mongo/server_list.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"

namespace doctor {
namespace {

using namespace std::chrono_literals;

constexpr auto call_timeout = 5s;
// Volumes with less free space fail soon.
constexpr std::uintmax_t free_bytes_min = std::uintmax_t{256} * 1024 * 1024;

finding examine_folder(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
        return warning("store", fmt::format("SQLite: the folder '{}' does not exist", path),
                       "serve creates it if it may; check data-dir and the mounted volume");
    }
    if (access(path.c_str(), W_OK | X_OK) != 0) {
        return failed("store", fmt::format("SQLite: the folder '{}' is not writable", path),
                      "give the user of the platform the folder (fsGroup of the pod)");
    }
    const auto space = std::filesystem::space(path, error);
    if (!error && space.available < free_bytes_min) {
        return warning("store",
                       fmt::format("SQLite: the volume of '{}' has {} MiB left", path,
                                   space.available / 1024 / 1024),
                       "enlarge the volume");
    }
    return ok("store", fmt::format("SQLite: the folder '{}' is writable", path));
}

finding examine_mongodb(const base::secret& url) {
    auto driver = mongo::make_driver({.url = url,
                                      .selection_timeout = call_timeout,
                                      .connect_timeout = call_timeout,
                                      .socket_timeout = call_timeout});
    if (!driver) {
        return failed("store", "MongoDB: " + driver.error().text, "check mongodb-url");
    }
    const auto names = (*driver)->collection_names();
    if (names) {
        return ok("store", fmt::format("MongoDB: connected, {} collections", names->size()));
    }
    const auto* const advice = names.error().kind == mongo::error_kind::denied
                                   ? "check the user, its password and its role readWrite"
                                   : "check the members, the network policy and the TLS options";
    return failed("store", "MongoDB: " + names.error().text, advice);
}

// Precondition: the store is reachable.
finding examine_members(const base::secret& url) {
    const auto servers = mongo::list_servers(url, call_timeout);
    if (servers) return examine_majority(*servers);
    return failed("majority", "MongoDB: " + servers.error().text, "check the members");
}

finding examine_authentication(const config::options& options) {
    if (options.auth == config::auth_mode::required) {
        return ok("authentication", "every request needs an API key");
    }
    if (!options.insecure_no_auth) {
        return ok("authentication", "the API listens on loopback alone");
    }
    return warning("authentication",
                   "none: every client that reaches the address is an administrator",
                   "set auth to required, or limit the clients by a network policy");
}

// Connects to Redis and requests the kind of its servers.
aio::task<finding> examine_redis(const config::options& options) {
    const auto advice = "check redis-url, the password, the network policy and the TLS options";
    obs::registry registry;
    const auto executor = co_await aio::this_executor();
    auto access = redis_access::make(options, executor, obs::null_log(), registry);
    if (!access) co_return failed("redis", access.error().text, advice);
    auto& client = (*access)->client();
    aio::task_group group(executor);
    group.spawn(client.run());
    const auto connected =
        co_await client.wait_for_topology(std::chrono::steady_clock::now() + call_timeout);
    const auto response =
        connected ? co_await client.execute({.words = {"PING"}}) : base::pass(connected);
    group.cancel();
    if (auto joined = co_await group.join(); !joined) co_return base::pass(std::move(joined));
    if (!response) co_return failed("redis", response.error().text, advice);
    co_return ok("redis", client.is_cluster() ? "connected to a Redis Cluster" : "connected");
}

// Returns the verbs that the API server does not grant, in all namespaces if `ns` is empty. Errors:
// those of the client.
aio::task<std::vector<std::string>> missing_verbs(kube::client& client,
                                                  kubedb::permission permission, std::string ns) {
    const kube::resource review{.group = "authorization.k8s.io",
                                .version = "v1",
                                .plural = "selfsubjectaccessreviews",
                                .kind = "SelfSubjectAccessReview",
                                .namespaced = false};
    std::vector<std::string> result;
    for (const auto& verb : permission.verbs) {
        json::object attributes{
            {"group", permission.group}, {"resource", permission.resource}, {"verb", verb}};
        if (!permission.subresource.empty()) attributes["subresource"] = permission.subresource;
        if (!ns.empty()) attributes["namespace"] = ns;
        json::object body{{"apiVersion", review.api_version()},
                          {"kind", review.kind},
                          {"spec", json::object{{"resourceAttributes", std::move(attributes)}}}};
        const auto response = co_await client.create(review, {}, std::move(body));
        if (!response) co_return base::pass(response);
        const bool is_allowed =
            json::flag_at(json::object_or_empty(*response, "status"), "allowed");
        if (!is_allowed) result.push_back(verb);
    }
    co_return result;
}

struct permission_examination {
    kubedb::permission permission;
    std::string ns{};  // empty: all
    std::string_view advice = "apply k8s/rbac.yaml, or use the account that it creates";
};

// Returns the finding for one permission. Errors: those of the client.
aio::task<finding> examine_permission(kube::client& client, permission_examination wanted) {
    const auto check = "permission " + wanted.permission.text();
    const auto missing = co_await missing_verbs(client, wanted.permission, std::move(wanted.ns));
    if (!missing) co_return base::pass(missing);
    if (missing->empty()) {
        co_return ok(check, fmt::format("{}", fmt::join(wanted.permission.verbs, ", ")));
    }
    co_return failed(check, fmt::format("missing: {}", fmt::join(*missing, ", ")),
                     std::string(wanted.advice));
}

// The permissions that depend on the options.
struct optional_permissions {
    std::string lease_namespace;  // of the Leases of replicas; empty with SQLite
    bool reviews_tokens = false;
};

aio::task<> examine_permissions(kube::client& client, optional_permissions wanted,
                                std::vector<finding>& findings) {
    std::vector<permission_examination> examinations;
    for (auto& permission : kubedb::needed_permissions()) {
        examinations.push_back({.permission = std::move(permission)});
    }
    if (!wanted.lease_namespace.empty()) {
        examinations.push_back(
            {.permission = kubedb::lease_permission(), .ns = std::move(wanted.lease_namespace)});
    }
    if (wanted.reviews_tokens) {
        examinations.push_back({.permission = kubedb::token_review_permission(),
                                .advice = "apply k8s/token-review.yaml, or set the chart's value "
                                          "kubernetesTokens.enabled"});
    }
    for (auto& examination : examinations) {
        auto entry = co_await examine_permission(client, std::move(examination));
        if (!entry) {
            findings.push_back({.check = "permissions",
                                .result = result::skipped,
                                .detail = entry.error().text,
                                .advice = "the API server returned no access review"});
            co_return base::ok();
        }
        findings.push_back(std::move(*entry));
    }
    co_return base::ok();
}

const kube::resource* find_resource(const std::vector<kube::resource>& served,
                                    std::string_view group, std::string_view plural) {
    const auto entry = std::ranges::find_if(served, [&](const kube::resource& candidate) {
        return candidate.group == group && candidate.plural == plural;
    });
    return entry == served.end() ? nullptr : &*entry;
}

aio::task<finding> examine_engine(kube::client& client, const kubedb::engine_kind& kind,
                                  const std::vector<kube::resource>& served) {
    const auto check = fmt::format("engine {}", kind.engine);
    const auto* const databases = find_resource(served, "kubedb.com", kind.plural);
    if (databases == nullptr) {
        co_return warning(check, fmt::format("the cluster does not serve {}", kind.plural),
                          "enable the feature gate of the engine in KubeDB, or do not offer it");
    }
    if (databases->api_version() != kubedb::database_api) {
        co_return failed(check,
                         fmt::format("the cluster serves {} in {} alone; the platform writes {}",
                                     kind.plural, databases->api_version(), kubedb::database_api),
                         "install a release of KubeDB that serves this version");
    }
    const auto* const versions = find_resource(served, "catalog.kubedb.com", kind.version_plural());
    if (versions == nullptr ||
        find_resource(served, "ops.kubedb.com", kind.ops_plural()) == nullptr) {
        co_return failed(check, "its catalogue or its OpsRequest is not served",
                         "install all definitions of KubeDB's release");
    }
    const auto page = co_await client.list(*versions, {});
    if (!page) co_return failed(check, page.error().text, "grant the permissions above");
    if (page->items.empty()) {
        co_return warning(check, "the catalogue holds no version",
                          "install KubeDB's catalogue for the engine");
    }
    co_return ok(check, fmt::format("{} versions in the catalogue", page->items.size()));
}

aio::task<> examine_kubedb(kube::client& client, std::vector<finding>& findings) {
    const auto served = co_await kube::discover(
        client, {std::string(kubedb::database_api), std::string(kubedb::ops_api),
                 "catalog.kubedb.com", "appcatalog.appscode.com"});
    if (!served) {
        findings.push_back(failed("kubedb", served.error().text, "check the API server"));
        co_return base::ok();
    }
    if (find_resource(*served, "appcatalog.appscode.com", "appbindings") == nullptr) {
        findings.push_back(failed("kubedb", "the cluster does not serve appbindings",
                                  "install KubeDB; it brings this definition"));
    }
    for (const auto* dialect : kubedb::all_dialects()) {
        auto entry = co_await examine_engine(client, dialect->kind(), *served);
        if (!entry) co_return base::pass(std::move(entry));
        findings.push_back(std::move(*entry));
    }
    const auto& engines = kubedb::all_dialects();
    const bool has_engine = std::ranges::any_of(engines, [&](const auto* dialect) {
        return find_resource(*served, "kubedb.com", dialect->kind().plural) != nullptr;
    });
    findings.push_back(has_engine ? ok("kubedb", "its definitions are served")
                                  : failed("kubedb", "no engine of KubeDB is served",
                                           "install KubeDB's operator in the cluster"));
    co_return base::ok();
}

aio::task<> examine_cluster(kube::config config, const config::options& options,
                            std::vector<finding>& findings) {
    const auto server = fmt::format("{}://{}:{}", config.server.secure ? "https" : "http",
                                    config.server.host, config.server.port);
    auto ns = config.ns;
    const bool has_replicas = !options.mongodb_url.empty();
    optional_permissions wanted{.lease_namespace = has_replicas ? ns : std::string(),
                                .reviews_tokens = options.kubernetes_tokens};
    const auto executor = co_await aio::this_executor();
    auto client = kube::make_client(
        executor, {.config = std::move(config), .call_timeout = call_timeout, .retries_max = 1});
    if (!client) {
        findings.push_back(failed("cluster", client.error().text, "check kubeconfig"));
        co_return base::ok();
    }
    const auto deadline = std::chrono::steady_clock::now() + call_timeout;
    const auto version = co_await (*client)->raw_get("/version", deadline, 64 * 1024, "version");
    if (!version || version->status != 200) {
        findings.push_back(failed(
            "cluster",
            fmt::format("{}: {}", server,
                        version ? fmt::format("status {}", version->status) : version.error().text),
            "check the address, the network policy and the credentials"));
        co_return base::ok();
    }
    const auto parsed = json::try_parse(version->body.to_string());
    const auto* const fields = parsed ? parsed->if_object() : nullptr;
    findings.push_back(
        ok("cluster", fmt::format("{}: Kubernetes {}", server,
                                  fields == nullptr ? "" : json::text_at(*fields, "gitVersion"))));
    const auto permissions = co_await examine_permissions(**client, std::move(wanted), findings);
    if (!permissions) co_return permissions;
    auto examined = co_await examine_kubedb(**client, findings);
    if (!examined) co_return examined;
    co_return co_await examine_objects(**client, std::move(ns), has_replicas, findings);
}

}  // namespace

const char* usage() noexcept {
    return R"(usage: dbaas doctor [--json] [FLAGS of serve]

Checks the surroundings of the platform with the options that serve would use, and changes nothing:

  store           the folder of SQLite, or the connection to MongoDB
  majority        the members of MongoDB's replica set
  certificate     the days until the certificate of tls-cert expires
  redis           the connection to Redis, if redis-url is set
  authentication  whether clients must authenticate
  issuer …        the discovery document, the keys and the clock of each OpenID issuer
  logs            whether a log collector can parse the lines
  secrets         whether secrets are in files instead of the environment
  limits          the limits of memory and CPU of the container
  cluster         the connection to the API server
  permission …    each resource that k8s/rbac.yaml grants; the Leases of replicas with MongoDB;
                  tokenreviews with kubernetes-tokens
  engine …        KubeDB's kinds and the versions in its catalogue
  webhooks        the certificates of KubeDB's webhooks
  ingress         the TLS of each host, and the days until each certificate expires
  autoscaler, disruption-budget, alerts
                  the objects of the kit in the namespace of the platform

A check that the account may not make is skipped, and its line names the permission that it needs.
The account of the kit lacks those of the last three lines. Make them with --kubeconfig and a
context whose namespace is that of the platform.

  --json          print one JSON object

Exit codes: 0 no check failed, 1 a check failed, 2 wrong usage or options.
)";
}

std::vector<finding> examine(const config::options& options) {
    std::vector<finding> findings;
    findings.push_back(options.mongodb_url.empty() ? examine_folder(options.data_dir)
                                                   : examine_mongodb(options.mongodb_url));
    if (!options.mongodb_url.empty() && findings.back().result == result::ok) {
        findings.push_back(examine_members(options.mongodb_url));
    }
    if (!options.tls_certificate.empty()) {
        const auto chain = base::read_file(options.tls_certificate);
        findings.push_back(examine_certificate("certificate", chain.value_or(std::string()),
                                               base::system_clock().utc_now()));
    }
    if (!options.redis_url.empty()) {
        auto entry = aio::block_on(examine_redis(options));
        findings.push_back(entry ? std::move(*entry) : failed("redis", entry.error().text, {}));
    }
    findings.push_back(examine_authentication(options));
    for (auto& entry : examine_issuers(options)) findings.push_back(std::move(entry));
    findings.push_back(examine_logs(options, isatty(STDERR_FILENO) != 0));
    findings.push_back(examine_secrets(options));
    findings.push_back(examine_limits(base::read_file("/sys/fs/cgroup/memory.max"),
                                      base::read_file("/sys/fs/cgroup/cpu.max")));
    auto access = find_cluster(options);
    if (!access) {
        findings.push_back(failed("cluster", access.error().text,
                                  "set kubeconfig, or run in a pod with a service account"));
        return findings;
    }
    const auto examined =
        aio::block_on(examine_cluster(std::move(access->config), options, findings));
    if (!examined) findings.push_back(failed("cluster", examined.error().text, {}));
    return findings;
}

}  // namespace doctor
