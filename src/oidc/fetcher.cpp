#include "oidc/fetcher.hpp"

#include <fmt/format.h>

#include <map>

#include "http/certificate_dates.hpp"
#include "http/client.hpp"

namespace oidc {
namespace {

// Shorter than a lookup of a token (app/identity/external_authenticator.hpp), so that a token of
// known keys is accepted while the issuer does not respond.
constexpr std::chrono::seconds timeout{3};
constexpr std::size_t body_bytes_max = std::size_t{256} * 1024;
constexpr std::size_t connections_max = 8;

struct target {
    http::url origin;
    std::string text;  // path and query
};

base::outcome<target> target_of(std::string_view url) {
    const auto query = url.find('?');
    auto parsed = http::parse_url(url.substr(0, query));
    if (!parsed) return base::pass(std::move(parsed));
    target result{.origin = *parsed, .text = parsed->path.empty() ? "/" : parsed->path};
    if (query != std::string_view::npos) result.text += url.substr(query);
    result.origin.path.clear();
    return result;
}

class fetcher_impl final : public issuer_fetcher {
  public:
    explicit fetcher_impl(aio::executor executor) : executor_(std::move(executor)) {}

    aio::task<http::response> send(fetch_request request) override {
        auto place = target_of(request.url);
        if (!place || !is_safe_url(request.url)) {
            co_return base::fail(base::errc::invalid, "the URL of the issuer is not usable");
        }
        // A change of the authorities drops the client while requests use it.
        const auto client = client_of(place->origin);
        if (!client) co_return base::pass(client);
        request.headers.add("Accept", "application/json");
        request.headers.add("User-Agent", "kubedb-dbaas");
        co_return co_await (*client)->send({.verb = request.verb,
                                            .target = std::move(place->text),
                                            .headers = std::move(request.headers),
                                            .body = std::move(request.body)},
                                           {.deadline = std::chrono::steady_clock::now() + timeout,
                                            .body_bytes_max = body_bytes_max});
    }

    base::outcome<void> use_authorities(std::string ca_pem) override {
        if (!ca_pem.empty()) {
            const auto certificates = http::read_certificates(ca_pem);
            if (!certificates) return base::pass(certificates);
        }
        ca_pem_ = std::move(ca_pem);
        clients_.clear();
        return base::ok();
    }

  private:
    base::outcome<std::shared_ptr<http::client>> client_of(const http::url& origin) {
        auto& entry = clients_[fmt::format("{}:{}:{}", origin.secure, origin.host, origin.port)];
        if (!entry) {
            http::client_options options{.origin = origin, .connections_max = connections_max};
            if (origin.secure) options.tls = http::client_tls{.ca_pem = ca_pem_};
            auto client = http::make_client(executor_, std::move(options));
            if (!client) return base::pass(std::move(client));
            entry = std::move(*client);
        }
        return entry;
    }

    aio::executor executor_;
    std::string ca_pem_;
    std::map<std::string, std::shared_ptr<http::client>> clients_;  // by origin; shared with send()
};

}  // namespace

bool is_safe_url(std::string_view url) {
    if (url.contains('#')) return false;
    const auto parsed = http::parse_url(url.substr(0, url.find('?')));
    if (!parsed) return false;
    return parsed->secure || parsed->host == "localhost" || parsed->host == "::1" ||
           parsed->host.starts_with("127.");
}

base::outcome<std::unique_ptr<issuer_fetcher>> make_fetcher(aio::executor executor,
                                                            std::string ca_pem) {
    auto result = std::make_unique<fetcher_impl>(std::move(executor));
    auto used = result->use_authorities(std::move(ca_pem));
    if (!used) return base::pass(std::move(used));
    return result;
}

}  // namespace oidc
