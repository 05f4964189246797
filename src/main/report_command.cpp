#include "main/report_command.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "aio/block_on.hpp"
#include "base/clock.hpp"
#include "base/read_file.hpp"
#include "base/time_text.hpp"
#include "http/client.hpp"
#include "json/json_access.hpp"
#include "kube/kube_client.hpp"
#include "main/cluster_access.hpp"
#include "main/help_flag.hpp"
#include "main/platform_url.hpp"
#include "main/pod_usage.hpp"
#include "main/secret_rotation.hpp"

namespace report {
namespace {

using base::errc;

constexpr const char* usage =
    R"(usage: dbaas report cost [FLAGS]

Compares the CPU, memory and storage that the databases request with what they use, per project and
database, and lists idle databases with what a pause of each saves. The numbers are the cached
metrics and the history of a running platform. The exporters of Redis, Memcached and Elasticsearch
report the CPU of the scraped member; with --kubeconfig, metrics.k8s.io reports that of all members
of every engine.

  --url URL              http://HOST:PORT or https://HOST:PORT. Default: the port of DBAAS_LISTEN on
                         loopback, with TLS if DBAAS_TLS_CERT is set. Its certificate is not
                         verified on loopback
  --api-key-file PATH    file with an API key that has the permission databases.read.
                         Default: DBAAS_ADMIN_KEY_FILE
  --ca-file PATH         authorities (PEM) that may have issued the certificate of URL
  --project NAME         only this project
  --kubeconfig PATH      read the CPU use from metrics.k8s.io (metrics-server). The account needs
                         list on pods.metrics.k8s.io in every namespace
  --kube-context NAME    context of the kubeconfig. Default: its current context
  --window HOURS         1 to 168, default 24; the history must cover half of it
  --idle-connections N   an idle database never had more connections; default 1, the exporter's
  --idle-operations N    an idle database never had more operations per second; default 5
  --price-cpu N          price of a core per month; with a price the report contains costs
  --price-memory N       price of a GiB of memory per month
  --price-storage N      price of a GiB of storage per month
  --timeout SECONDS      of one request, 1 to 60, default 30
  --json                 print one JSON object

Exit codes: 0 printed, 1 the platform rejected a request, 2 wrong usage, 3 no response.
)";

std::unexpected<base::failure> wrong(std::string text) {
    return base::fail(errc::invalid, std::move(text));
}

std::optional<double> parse_amount(const std::string& text) {
    double value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value) || value < 0) {
        return std::nullopt;
    }
    return value;
}

// Returns the member that the flag with a number sets; nullptr for another flag.
double* amount_of(options& out, const std::string& flag) {
    if (flag == "--idle-connections") return &out.cost.limits.connections;
    if (flag == "--idle-operations") return &out.cost.limits.operations;
    if (!flag.starts_with("--price-")) return nullptr;
    auto& prices = out.cost.prices;
    if (!prices) prices.emplace();
    if (flag == "--price-cpu") return &prices->cpu_core;
    if (flag == "--price-memory") return &prices->memory_gib;
    if (flag == "--price-storage") return &prices->storage_gib;
    return nullptr;
}

// Returns an empty text, or a message.
std::string read_flag(options& out, const std::string& flag, const std::string& value) {
    if (flag == "--url") {
        out.url = value;
    } else if (flag == "--api-key-file") {
        out.api_key_file = value;
    } else if (flag == "--ca-file") {
        out.ca_file = value;
    } else if (flag == "--project") {
        out.project = value;
    } else if (flag == "--kubeconfig") {
        out.kubeconfig = value;
    } else if (flag == "--kube-context") {
        out.kube_context = value;
    } else if (flag == "--timeout") {
        const auto timeout = parse_timeout(value);
        if (!timeout) return "--timeout must be from 1 to 60 seconds";
        out.timeout = *timeout;
    } else if (flag == "--window") {
        constexpr double hours_max = 168;
        const auto hours = parse_amount(value);
        if (!hours || *hours < 1 || *hours > hours_max || *hours != std::floor(*hours)) {
            return "--window must be from 1 to 168 hours";
        }
        out.cost.window_hours = static_cast<int>(*hours);
    } else if (auto* const target = amount_of(out, flag)) {
        const auto amount = parse_amount(value);
        if (!amount) return flag + " must be a number of at least 0";
        *target = *amount;
    } else {
        return fmt::format("unknown argument '{}'", flag);
    }
    return {};
}

class api_client {
  public:
    api_client(std::unique_ptr<http::client> client, base::secret key, std::chrono::seconds timeout)
        : client_(std::move(client)), key_(std::move(key)), timeout_(timeout) {}

    // Returns the body. Waits when the platform limits the rate. Errors: denied (a response other
    // than 200, with its detail), and those of the client.
    aio::task<std::string> get(std::string path) {
        constexpr int attempts_max = 60;
        for (int attempt = 1;; ++attempt) {
            http::request outgoing{.verb = http::method::get, .target = path};
            outgoing.headers.add("Accept-Encoding", "gzip");
            outgoing.headers.add("Accept", "*/*");
            if (!key_.empty()) outgoing.headers.add("Authorization", "Bearer " + key_.reveal());
            const auto deadline = std::chrono::steady_clock::now() + timeout_;
            const auto response =
                co_await client_->send(std::move(outgoing), {.deadline = deadline});
            if (!response) co_return base::pass(response);
            if (response->status == 200) co_return response->body.to_string();
            if (response->status != 429 || attempt == attempts_max) {
                co_return base::fail(errc::denied, describe(path, *response));
            }
            auto slept = co_await aio::sleep_for(base::system_clock(), delay_of(*response));
            if (!slept) co_return base::pass(std::move(slept));
        }
    }

  private:
    static std::chrono::seconds delay_of(const http::response& response) {
        constexpr int seconds_max = 30;
        const auto text = response.headers.get("Retry-After");
        int seconds = 1;
        (void)std::from_chars(text.data(), text.data() + text.size(), seconds);
        return std::chrono::seconds(std::clamp(seconds, 1, seconds_max));
    }
    static std::string describe(const std::string& path, const http::response& response) {
        const auto document = json::try_parse(response.body.to_string());
        const auto* const problem = document ? document->if_object() : nullptr;
        return fmt::format("{}: status {}: {}", path.substr(0, path.find('?')), response.status,
                           problem == nullptr ? "" : json::text_at(*problem, "detail"));
    }

    std::unique_ptr<http::client> client_;
    base::secret key_;
    std::chrono::seconds timeout_;
};

aio::task<cost::history> request_history(api_client& client, std::string id, std::string metric,
                                         int window_hours) {
    // The mean of a step; a short one, so that a burst is visible, below 11,000 points.
    const auto step = std::chrono::seconds(60 * (1 + window_hours / 24));
    const auto end = std::chrono::floor<std::chrono::seconds>(base::system_clock().utc_now());
    const auto path = fmt::format(
        "/api/v1/databases/{}/metrics/history?metric={}&from={}&to={}&step={}",
        http::encode_percent(id), metric, base::to_rfc3339(end - std::chrono::hours(window_hours)),
        base::to_rfc3339(end), step.count());
    const auto body = co_await client.get(path);
    if (!body) co_return base::pass(body);
    co_return cost::read_history(*body);
}

aio::task<cost::cpu_by_database> request_pod_cpu(const options& request) {
    config::options access_options;
    access_options.kubeconfig = request.kubeconfig;
    access_options.kube_context = request.kube_context;
    auto access = find_cluster(access_options);
    if (!access) co_return base::pass(std::move(access));
    const auto executor = co_await aio::this_executor();
    auto client = kube::make_client(
        executor,
        {.config = std::move(access->config), .call_timeout = request.timeout, .retries_max = 1});
    if (!client) co_return base::pass(std::move(client));
    co_return co_await cost::read_pod_cpu(**client);
}

aio::task<std::string> report_cost(options request, http::client_options target, base::secret key) {
    const auto executor = co_await aio::this_executor();
    auto connected = http::make_client(executor, std::move(target));
    if (!connected) co_return base::pass(std::move(connected));
    api_client client(std::move(*connected), std::move(key), request.timeout);
    std::string path = "/metrics/databases";
    if (!request.project.empty()) path += "?project=" + http::encode_percent(request.project);
    const auto page = co_await client.get(std::move(path));
    if (!page) co_return base::pass(page);
    const auto& settings = request.cost;
    auto databases = cost::read_page(*page, settings.limits);
    if (!databases) co_return base::pass(std::move(databases), "/metrics/databases");
    for (auto& entry : *databases) {
        if (!cost::needs_history(entry)) continue;
        const auto connections = co_await request_history(client, entry.id, "connections.current",
                                                          settings.window_hours);
        if (!connections) co_return base::pass(connections);
        const auto operations = co_await request_history(client, entry.id, "operations.per_second",
                                                         settings.window_hours);
        if (!operations) co_return base::pass(operations);
        cost::judge(entry, *connections, *operations, settings.limits);
    }
    if (!request.kubeconfig.empty()) {
        const auto cores = co_await request_pod_cpu(request);
        if (!cores) co_return base::pass(cores, "--kubeconfig");
        cost::set_cpu(*databases, *cores);
    }
    co_return request.prints_json ? cost::as_json(*databases, settings)
                                  : cost::as_text(*databases, settings);
}

base::outcome<http::client_options> target_of(const options& request) {
    auto origin = http::parse_url(request.url);
    if (!origin) return base::pass(std::move(origin));
    constexpr std::size_t body_bytes_max = std::size_t{512} * 1024 * 1024;
    http::client_options result{.origin = std::move(*origin), .body_bytes_max = body_bytes_max};
    if (!result.origin.secure) return result;
    result.tls.emplace();
    result.tls->verify = request.verifies_certificate;
    if (request.ca_file.empty()) return result;
    auto pem = base::read_file(request.ca_file);
    if (!pem) return wrong(fmt::format("--ca-file: '{}' cannot be read", request.ca_file));
    result.tls->ca_pem = std::move(*pem);
    return result;
}

int print_wrong_usage(const base::failure& error) {
    std::fprintf(stderr, "dbaas report: %s\n\n%s", error.text.c_str(), usage);
    return 2;
}

}  // namespace

base::outcome<options> parse(const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& environment) {
    if (words.empty() || words.front() != "cost") return wrong("the only report is 'cost'");
    options result{.url = default_platform_url(environment)};
    if (const auto entry = environment.find("DBAAS_ADMIN_KEY_FILE"); entry != environment.end()) {
        result.api_key_file = entry->second;
    }
    const auto default_url = result.url;
    for (std::size_t index = 1; index < words.size(); ++index) {
        auto flag = words[index];
        if (flag == "--json") {
            result.prints_json = true;
            continue;
        }
        std::optional<std::string> value;
        if (const auto equals = flag.find('='); equals != std::string::npos) {
            value = flag.substr(equals + 1);
            flag.resize(equals);
        }
        if (!value && index + 1 < words.size()) value = words[++index];
        if (!value || value->empty()) return wrong(flag + " needs a value");
        auto problem = read_flag(result, flag, *value);
        if (!problem.empty()) return wrong(std::move(problem));
    }
    result.verifies_certificate = result.url != default_url || !result.ca_file.empty();
    while (result.url.ends_with('/')) result.url.pop_back();
    const auto parsed = http::parse_url(result.url);
    if (!parsed || !parsed->path.empty()) {
        return wrong("--url must be http://HOST:PORT or https://HOST:PORT");
    }
    return result;
}

int run(const std::vector<std::string>& words,
        const std::map<std::string, std::string>& environment) {
    if (wants_help(words)) {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto request = parse(words, environment);
    if (!request) return print_wrong_usage(request.error());
    auto target = target_of(*request);
    if (!target) return print_wrong_usage(target.error());
    base::secret key;
    if (!request->api_key_file.empty()) {
        auto content = read_secret(request->api_key_file);
        if (!content) return print_wrong_usage(content.error());
        key = std::move(*content);
    }
    const auto text = aio::block_on(report_cost(*request, std::move(*target), std::move(key)));
    if (text) {
        std::fputs(text->c_str(), stdout);
        return 0;
    }
    const bool is_rejected = text.error().code == errc::denied;
    std::fprintf(stderr, "dbaas report: %s: %s\n", request->url.c_str(), text.error().text.c_str());
    return is_rejected ? 1 : 3;
}

}  // namespace report
