#include "main/redis_access.hpp"

#include <unistd.h>

#include <utility>

#include "base/read_file.hpp"
#include "redis/redis_bus.hpp"
#include "redis/redis_url.hpp"

base::outcome<std::unique_ptr<redis_access>> redis_access::make(const config::options& options,
                                                                aio::executor executor,
                                                                obs::log& log,
                                                                obs::registry& registry) {
    auto url = redis::parse_redis_url(options.redis_url.reveal());
    if (!url) return base::pass(std::move(url));
    http::client_tls tls;
    if (!options.redis_ca_file.empty()) {
        auto content = base::read_file(options.redis_ca_file);
        if (!content) {
            return base::fail(base::errc::invalid,
                              "redis-ca-file: '" + options.redis_ca_file + "' cannot be read");
        }
        tls.ca_pem = std::move(*content);
    }
    log.info("redis_configured", {{"url", url->masked()}});
    auto access = std::make_unique<redis_access>(registry);
    auto client = redis::redis_client::make(
        {.executor = std::move(executor), .log = log, .metrics = access->metrics_},
        {.url = std::move(*url),
         .tls = std::move(tls),
         .seed = static_cast<std::uint64_t>(getpid())});
    if (!client) return base::pass(std::move(client));
    access->client_ = std::move(*client);
    access->bus_ = redis::make_bus(*access->client_);
    return access;
}
