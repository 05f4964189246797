#include "oidc/fetcher.hpp"

#include <fmt/format.h>

#include <map>

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

class fetcher_impl final : public fetcher {
  public:
    fetcher_impl(aio::executor executor, std::string ca_pem)
        : executor_(std::move(executor)), ca_pem_(std::move(ca_pem)) {}

    aio::task<http::response> send(fetch_request request) override {
        auto place = target_of(request.url);
        if (!place || !is_safe_url(request.url)) {
            co_return base::fail(base::errc::invalid, "the URL of the issuer is not usable");
        }
        auto client = client_of(place->origin);
        if (!client) co_return base::pass(std::move(client));
        request.headers.add("Accept", "application/json");
        request.headers.add("User-Agent", "kubedb-dbaas");
        co_return co_await (*client)->send({.verb = request.verb,
                                            .target = std::move(place->text),
                                            .headers = std::move(request.headers),
                                            .body = std::move(request.body)},
                                           {.deadline = std::chrono::steady_clock::now() + timeout,
                                            .body_bytes_max = body_bytes_max});
    }

  private:
    base::outcome<http::client*> client_of(const http::url& origin) {
        auto& entry = clients_[fmt::format("{}:{}:{}", origin.secure, origin.host, origin.port)];
        if (!entry) {
            http::client_options options{.origin = origin, .connections_max = connections_max};
            if (origin.secure) options.tls = http::client_tls{.ca_pem = ca_pem_};
            auto client = http::make_client(executor_, std::move(options));
            if (!client) return base::pass(std::move(client));
            entry = std::move(*client);
        }
        return entry.get();
    }

    aio::executor executor_;
    std::string ca_pem_;
    std::map<std::string, std::unique_ptr<http::client>> clients_;  // by origin
};

}  // namespace

bool is_safe_url(std::string_view url) {
    if (url.contains('#')) return false;
    const auto parsed = http::parse_url(url.substr(0, url.find('?')));
    if (!parsed) return false;
    return parsed->secure || parsed->host == "localhost" || parsed->host == "::1" ||
           parsed->host.starts_with("127.");
}

std::unique_ptr<fetcher> make_fetcher(aio::executor executor, std::string ca_pem) {
    return std::make_unique<fetcher_impl>(std::move(executor), std::move(ca_pem));
}

}  // namespace oidc
