#include "main/login_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "aio/block_on.hpp"
#include "base/private_file.hpp"
#include "base/read_file.hpp"
#include "base/time_text.hpp"
#include "http/client.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "main/help_flag.hpp"

namespace login {
namespace {

using base::errc;
using base::fail;

constexpr const char* usage =
    R"text(usage: dbaas login --url URL [--issuer NAME] [--token-file PATH] [--ca-file PATH]
       dbaas login --token [--token-file PATH] [--ca-file PATH]

Logs in at an OpenID issuer of the platform. Prints an address and a code: open the address in a
browser on any device, type the code and log in there. The tokens are kept in a file that only its
owner may read (mode 0600).

  --url URL          http://HOST:PORT or https://HOST:PORT of the platform
  --issuer NAME      name of the issuer. Default: the first one of the platform
  --token            print the access token of an earlier login, after a refresh if it expires
                     within 1 min: curl -H "Authorization: Bearer $(dbaas login --token)" ...
  --token-file PATH  default: dbaas/tokens.json in $XDG_CONFIG_HOME or $HOME/.config
  --ca-file PATH     authorities (PEM) that may have issued the certificate of URL

Exit codes: 0 logged in, 1 rejected, 2 wrong usage, 3 no response.
)text";

constexpr std::chrono::seconds request_timeout{30};
constexpr std::chrono::seconds interval_min{5};

struct parsed_response {
    unsigned status = 0;
    json::object document;
};

// Requests to one platform.
class platform_client {
  public:
    explicit platform_client(std::unique_ptr<http::client> client) : client_(std::move(client)) {}

    // Errors: those of the client; corrupt (the response is no JSON object).
    aio::task<parsed_response> post(std::string path, std::string body) {
        http::request request{.verb = http::method::post,
                              .target = std::move(path),
                              .headers = {{"Content-Type", "application/json"}},
                              .body = std::move(body)};
        const auto deadline = std::chrono::steady_clock::now() + request_timeout;
        auto response = co_await client_->send(std::move(request), {.deadline = deadline});
        if (!response) co_return base::pass(std::move(response));
        auto value = json::try_parse(response->body.to_string());
        if (!value || !value->is_object()) {
            co_return fail(errc::corrupt,
                           fmt::format("the response with status {} is no JSON", response->status));
        }
        co_return parsed_response{.status = response->status,
                                  .document = std::move(value->get_object())};
    }

  private:
    std::unique_ptr<http::client> client_;
};

base::outcome<platform_client> connect(aio::executor executor, const options& wanted,
                                       const std::string& url) {
    auto origin = http::parse_url(url);
    if (!origin) return base::pass(std::move(origin));
    http::client_options settings{.origin = *origin, .body_bytes_max = 1024 * 1024};
    if (origin->secure) {
        settings.tls.emplace();
        if (!wanted.ca_file.empty()) {
            auto pem = base::read_file(wanted.ca_file);
            if (!pem)
                return fail(errc::invalid, fmt::format("'{}' cannot be read", wanted.ca_file));
            settings.tls->ca_pem = std::move(*pem);
        }
    }
    auto client = http::make_client(std::move(executor), std::move(settings));
    if (!client) return base::pass(std::move(client));
    return platform_client(std::move(*client));
}

// Reads the response of a login or a refresh.
base::outcome<stored_tokens> tokens_of(const json::object& document, const std::string& url) {
    const auto lifetime = json::number_at(document, "expires_in").value_or(0);
    stored_tokens tokens{
        .url = url,
        .access_token = base::secret(std::string(json::text_at(document, "access_token"))),
        .expires_at = base::system_clock().utc_now() + std::chrono::seconds(lifetime),
        .refresh_token = base::secret(std::string(json::text_at(document, "refresh_token")))};
    if (!tokens.access_token.empty() && !tokens.refresh_token.empty()) return tokens;
    return fail(errc::corrupt, "the response has no tokens");
}

std::unexpected<base::failure> rejected(const parsed_response& response) {
    return fail(errc::denied, printable(json::text_at(response.document, "detail")),
                std::string(json::text_at(response.document, "code")));
}

bool is_temporary(const base::failure& failure) {
    return failure.code == errc::unavailable || failure.code == errc::timed_out;
}

aio::task<stored_tokens> log_in(options wanted) {
    auto platform = connect(co_await aio::this_executor(), wanted, wanted.url);
    if (!platform) co_return base::pass(std::move(platform));
    std::string start;
    json::writer out(start);
    out.begin_object();
    if (!wanted.issuer.empty()) out.member("issuer", wanted.issuer);
    out.end_object();
    const auto begun = co_await platform->post("/api/v1/auth/device", std::move(start));
    if (!begun) co_return base::pass(begun);
    if (begun->status != 200) co_return rejected(*begun);
    const auto& login = begun->document;
    const auto complete = json::text_at(login, "verification_uri_complete");
    std::fprintf(stderr, "Open %s\nand type the code %s\n",
                 printable(json::text_at(login, "verification_uri")).c_str(),
                 printable(json::text_at(login, "user_code")).c_str());
    if (!complete.empty()) std::fprintf(stderr, "or open %s\n", printable(complete).c_str());
    const auto seconds = json::number_at(login, "interval").value_or(0);
    auto interval = std::max(std::chrono::seconds(seconds), interval_min);
    std::string poll;
    json::writer body(poll);
    body.begin_object().member("device_code", json::text_at(login, "device_code"));
    body.member("issuer", json::text_at(login, "issuer")).end_object();
    const auto lifetime = std::chrono::seconds(json::number_at(login, "expires_in").value_or(0));
    const auto end = std::chrono::steady_clock::now() + lifetime;
    while (std::chrono::steady_clock::now() < end) {
        const auto slept = co_await aio::sleep_for(interval);
        if (!slept) co_return base::pass(slept);
        auto response = co_await platform->post("/api/v1/auth/device/token", poll);
        if (!response) {
            if (!is_temporary(response.error())) co_return base::pass(std::move(response));
            interval += interval_min;
            continue;
        }
        if (response->status == 200) {
            co_return tokens_of(response->document, wanted.url);
        }
        const auto code = json::text_at(response->document, "code");
        if (code == "authorization_pending") continue;
        const bool is_too_early = code == "slow_down" || response->status == 429;
        if (!is_too_early && response->status < 500) co_return rejected(*response);
        interval += interval_min;  // RFC 8628, 3.5
    }
    co_return fail(errc::denied, "the login has expired; start it again");
}

aio::task<stored_tokens> refresh(options wanted, stored_tokens tokens) {
    auto platform = connect(co_await aio::this_executor(), wanted, tokens.url);
    if (!platform) co_return base::pass(std::move(platform));
    std::string body;
    json::writer out(body);
    out.begin_object().member("refresh_token", tokens.refresh_token.reveal()).end_object();
    const auto response = co_await platform->post("/api/v1/auth/refresh", std::move(body));
    if (!response) co_return base::pass(response);
    if (response->status != 200) co_return rejected(*response);
    co_return tokens_of(response->document, tokens.url);
}

std::string default_file(const std::map<std::string, std::string>& environment) {
    const auto value = [&](const char* name) {
        const auto entry = environment.find(name);
        return entry == environment.end() ? std::string() : entry->second;
    };
    const auto folder = value("XDG_CONFIG_HOME");
    if (!folder.empty()) return folder + "/dbaas/tokens.json";
    const auto owner_folder = value("HOME");
    return owner_folder.empty() ? std::string() : owner_folder + "/.config/dbaas/tokens.json";
}

std::unexpected<base::failure> wrong(std::string text) {
    return fail(errc::invalid, std::move(text));
}

struct obtained_tokens {
    stored_tokens tokens;
    bool are_new = true;
};

base::outcome<obtained_tokens> as_new(base::outcome<stored_tokens> tokens) {
    if (!tokens) return base::pass(std::move(tokens));
    return obtained_tokens{.tokens = std::move(*tokens)};
}

// Returns tokens whose access token does not expire within 1 min. Only new ones are written: a
// refresh by another command may have replaced those of the file in the meantime.
base::outcome<obtained_tokens> obtain(const options& wanted) {
    if (!wanted.prints_token) return as_new(aio::block_on(log_in(wanted)));
    const auto text = base::read_file(wanted.token_file);
    if (!text) {
        return fail(errc::not_found,
                    fmt::format("'{}' cannot be read; run 'dbaas login --url URL' first",
                                wanted.token_file));
    }
    auto tokens = decode(*text);
    if (!tokens) return base::pass(std::move(tokens), wanted.token_file);
    if (base::system_clock().utc_now() + std::chrono::minutes(1) < tokens->expires_at) {
        return obtained_tokens{.tokens = std::move(*tokens), .are_new = false};
    }
    return as_new(aio::block_on(refresh(wanted, std::move(*tokens))));
}

// Writes new tokens, and reports a file that other users can access.
base::outcome<void> keep(const std::string& path, const obtained_tokens& obtained) {
    const auto shared = base::shared_mode_of(path);
    if (obtained.are_new) {
        auto written = write_tokens(path, obtained.tokens);
        if (written && shared) {
            std::fprintf(stderr,
                         "dbaas login: warning: other users could access '%s' (mode 0%o); its mode "
                         "is 0600 now\n",
                         path.c_str(), *shared);
        }
        return written;
    }
    if (shared) {
        std::fprintf(stderr,
                     "dbaas login: warning: other users can access '%s' (mode 0%o); run: chmod 600 "
                     "'%s'\n",
                     path.c_str(), *shared, path.c_str());
    }
    return base::ok();
}

}  // namespace

base::outcome<options> parse(const std::vector<std::string>& flags,
                             const std::map<std::string, std::string>& environment) {
    options result{.token_file = default_file(environment)};
    const std::map<std::string_view, std::string options::*> texts{
        {"--url", &options::url},
        {"--issuer", &options::issuer},
        {"--token-file", &options::token_file},
        {"--ca-file", &options::ca_file}};
    for (std::size_t index = 0; index < flags.size(); ++index) {
        std::string_view flag = flags[index];
        if (flag == "--token") {
            result.prints_token = true;
            continue;
        }
        const auto equals = flag.find('=');
        const auto text = texts.find(flag.substr(0, equals));
        if (text == texts.end()) return wrong(fmt::format("unknown argument '{}'", flag));
        auto& member = result.*(text->second);
        if (equals != std::string_view::npos) {
            member = std::string(flag.substr(equals + 1));
        } else {
            member = index + 1 < flags.size() ? flags[++index] : std::string();
        }
        if (member.empty()) return wrong(fmt::format("{} needs a value", text->first));
    }
    while (result.url.ends_with('/')) result.url.pop_back();
    const auto url = http::parse_url(result.url);
    const bool is_url = url && url->path.empty();
    if (result.prints_token ? !result.url.empty() : !is_url) {
        return wrong(result.prints_token ? "--token takes the URL of the earlier login"
                                         : "--url must be http://HOST:PORT or https://HOST:PORT");
    }
    if (result.token_file.empty()) return wrong("--token-file is required without HOME");
    return result;
}

std::string printable(std::string_view text) {
    std::string result(text);
    std::ranges::replace_if(result, [](char c) { return c < ' ' || c > '~'; }, '?');
    return result;
}

std::string encode(const stored_tokens& tokens) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("url", tokens.url);
    out.member("access_token", tokens.access_token.reveal());
    out.member("expires_at", base::to_rfc3339(tokens.expires_at));
    out.member("refresh_token", tokens.refresh_token.reveal()).end_object();
    return text + "\n";
}

base::outcome<stored_tokens> decode(std::string_view text) {
    const auto value = json::try_parse(text);
    const auto* document = value ? value->if_object() : nullptr;
    if (document == nullptr) return fail(errc::corrupt, "the file is no JSON object");
    const auto expires_at = base::from_rfc3339(json::text_at(*document, "expires_at"));
    if (!expires_at) return fail(errc::corrupt, "expires_at: is no time");
    return stored_tokens{
        .url = std::string(json::text_at(*document, "url")),
        .access_token = base::secret(std::string(json::text_at(*document, "access_token"))),
        .expires_at = *expires_at,
        .refresh_token = base::secret(std::string(json::text_at(*document, "refresh_token")))};
}

base::outcome<void> write_tokens(const std::string& path, const stored_tokens& tokens) {
    auto created = base::create_private_folder(std::filesystem::path(path).parent_path().string());
    if (!created) return created;
    const base::secret text(encode(tokens));
    return base::replace_private_file(path, text.reveal());
}

int run(const std::vector<std::string>& flags,
        const std::map<std::string, std::string>& environment) {
    if (wants_help(flags)) {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto wanted = parse(flags, environment);
    if (!wanted) {
        std::fprintf(stderr, "dbaas login: %s\n\n%s", wanted.error().text.c_str(), usage);
        return 2;
    }
    const auto obtained = obtain(*wanted);
    const auto result =
        obtained ? keep(wanted->token_file, *obtained) : base::outcome<void>(base::pass(obtained));
    if (!result) {
        std::fprintf(stderr, "dbaas login: %s\n", result.error().text.c_str());
        return is_temporary(result.error()) ? 3 : 1;
    }
    if (wanted->prints_token) {
        std::fprintf(stdout, "%s\n", obtained->tokens.access_token.reveal().c_str());
    } else {
        std::fprintf(stderr, "logged in; the tokens are in %s\n", wanted->token_file.c_str());
    }
    return 0;
}

}  // namespace login
