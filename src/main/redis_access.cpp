#include "main/redis_access.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "base/read_file.hpp"
#include "redis/redis_bus.hpp"
#include "redis/redis_rate_limiter.hpp"
#include "redis/redis_url.hpp"

namespace {

using namespace std::chrono_literals;

base::outcome<http::client_tls> read_tls_files(const config::options& options) {
    std::string private_key;
    http::client_tls tls;
    struct pem_file {
        const char* option;
        const std::string& path;
        std::string& content;
    };
    const std::array files{
        pem_file{"redis-ca-file", options.redis_ca_file, tls.ca_pem},
        pem_file{"redis-cert-file", options.redis_cert_file, tls.certificate_pem},
        pem_file{"redis-key-file", options.redis_key_file, private_key}};
    for (const auto& [option, path, content] : files) {
        if (path.empty()) continue;
        auto text = base::read_file(path);
        if (!text) {
            return base::fail(base::errc::invalid,
                              fmt::format("{}: '{}' cannot be read", option, path));
        }
        content = std::move(*text);
    }
    tls.private_key_pem = base::secret(std::move(private_key));
    return tls;
}

}  // namespace

base::outcome<std::unique_ptr<redis_access>> redis_access::make(const config::options& options,
                                                                aio::executor executor,
                                                                obs::log& log,
                                                                obs::registry& registry) {
    auto url = redis::parse_redis_url(options.redis_url.reveal());
    if (!url) return base::pass(std::move(url));
    auto tls = read_tls_files(options);
    if (!tls) return base::pass(std::move(tls));
    log.info("redis_configured", {{"url", url->masked()}});
    auto access = std::make_unique<redis_access>(registry);
    auto client = redis::redis_client::make(
        {.executor = std::move(executor), .log = log, .metrics = access->metrics_},
        {.url = std::move(*url),
         .tls = std::move(*tls),
         .seed = static_cast<std::uint64_t>(getpid())});
    if (!client) return base::pass(std::move(client));
    access->client_ = std::move(*client);
    access->bus_ = redis::make_bus(*access->client_);
    access->limits_ = redis::make_rate_limiter(*access->client_, base::system_clock());
    return access;
}

aio::task<> redis_access::change_url(config::options options) {
    obs::registry registry;
    const auto executor = co_await aio::this_executor();
    auto probe = make(options, executor, obs::null_log(), registry);
    if (!probe) co_return base::pass(std::move(probe));
    auto& client = (*probe)->client();
    aio::task_group group(executor);
    group.spawn(client.run());
    auto reached = co_await client.wait_for_topology(std::chrono::steady_clock::now() + 5s);
    if (reached) {
        const auto response = co_await client.execute({.words = {"PING"}});
        if (!response) reached = base::pass(response);
    }
    group.cancel();
    if (auto joined = co_await group.join(); !joined) co_return base::pass(std::move(joined));
    if (!reached) co_return base::pass(std::move(reached));
    co_return client_->change_url(client.options().url, client.options().tls);
}
