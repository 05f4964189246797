#include "main/health_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "aio/block_on.hpp"
#include "base/read_file.hpp"
#include "http/client.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "main/help_flag.hpp"
#include "main/platform_url.hpp"

namespace health {
namespace {

constexpr const char* usage =
    R"(usage: dbaas health [--url URL] [--live] [--timeout SECONDS] [--ca-file PATH] [--json]

Asks a running platform whether it is ready, and prints the state of its parts.

  --url URL          http://HOST:PORT or https://HOST:PORT. Default: the port of DBAAS_LISTEN on
                     loopback, with TLS if DBAAS_TLS_CERT is set. Its certificate is not verified
                     on loopback
  --live             ask whether the process serves requests at all, instead of whether it is ready
  --timeout SECONDS  1 to 60, default 5
  --ca-file PATH     authorities (PEM) that may have issued the certificate of URL
  --json             print one JSON object

Exit codes: 0 healthy, 1 not healthy, 2 wrong usage, 3 no response.
)";

std::unexpected<base::failure> wrong(std::string text) {
    return base::fail(base::errc::invalid, std::move(text));
}

// Appends "name: state" lines for the texts of the object; a nested object is flattened.
void append_states(const json::object& states, std::string& out) {
    for (const auto& [name, value] : states) {
        if (const auto* nested = value.if_object()) {
            append_states(*nested, out);
        } else if (const auto* text = value.if_string(); text != nullptr && name != "status") {
            out += fmt::format("  {:<14} {}\n", std::string_view(name), std::string_view(*text));
        }
    }
}

report describe_json(const options& request, int exit_code, unsigned status,
                     std::string_view detail, std::string_view body) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("healthy", exit_code == 0).member("url", request.url + request.path);
    out.member("status", std::int64_t(status)).member("detail", detail).key("response");
    if (json::try_parse(body)) {
        out.raw(body);
    } else {
        out.null();
    }
    out.end_object();
    return {.exit_code = exit_code, .text = text + "\n"};
}

base::outcome<http::response> ask(const options& request) {
    auto origin = http::parse_url(request.url);
    if (!origin) return base::pass(std::move(origin));
    std::optional<http::client_tls> tls;
    if (origin->secure) {
        tls.emplace();
        tls->verify = request.verifies_certificate;
        if (!request.ca_file.empty()) {
            auto pem = base::read_file(request.ca_file);
            if (!pem) return wrong(fmt::format("'{}' cannot be read", request.ca_file));
            tls->ca_pem = std::move(*pem);
        }
    }
    const auto deadline = std::chrono::steady_clock::now() + request.timeout;
    auto exchange = [](http::url target, std::optional<http::client_tls> settings, std::string path,
                       base::steady_time end) -> aio::task<http::response> {
        const auto executor = co_await aio::this_executor();
        auto client = http::make_client(executor, {.origin = std::move(target),
                                                   .tls = std::move(settings),
                                                   .body_bytes_max = 1024 * 1024});
        if (!client) co_return base::pass(std::move(client));
        http::request outgoing{.verb = http::method::get, .target = std::move(path)};
        auto response = co_await (*client)->send(std::move(outgoing), {.deadline = end});
        co_return response;
    };
    return aio::block_on(exchange(std::move(*origin), std::move(tls), request.path, deadline));
}

}  // namespace

base::outcome<options> parse(const std::vector<std::string>& flags,
                             const std::map<std::string, std::string>& environment) {
    options result{.url = default_platform_url(environment)};
    bool has_url = false;
    for (std::size_t index = 0; index < flags.size(); ++index) {
        auto flag = flags[index];
        std::optional<std::string> value;
        if (const auto equals = flag.find('='); equals != std::string::npos) {
            value = flag.substr(equals + 1);
            flag.resize(equals);
        }
        if (flag == "--live" || flag == "--json") {
            if (value) return wrong(flag + " takes no value");
            if (flag == "--live") result.path = "/health/live";
            if (flag == "--json") result.prints_json = true;
            continue;
        }
        if (flag != "--url" && flag != "--timeout" && flag != "--ca-file") {
            return wrong(fmt::format("unknown argument '{}'", flags[index]));
        }
        if (!value && index + 1 < flags.size()) value = flags[++index];
        if (!value || value->empty()) return wrong(flag + " needs a value");
        if (flag == "--url") {
            result.url = *value;
            has_url = true;
        } else if (flag == "--ca-file") {
            result.ca_file = *value;
        } else if (const auto timeout = parse_timeout(*value)) {
            result.timeout = *timeout;
        } else {
            return wrong("--timeout must be from 1 to 60 seconds");
        }
    }
    while (result.url.ends_with('/')) result.url.pop_back();
    const auto parsed = http::parse_url(result.url);
    if (!parsed || !parsed->path.empty()) {
        return wrong("--url must be http://HOST:PORT or https://HOST:PORT");
    }
    result.verifies_certificate = has_url || !result.ca_file.empty();
    return result;
}

report describe(const options& request, const base::outcome<http::response>& response) {
    const auto address = request.url + request.path;
    if (!response) {
        const auto& error = response.error().text;
        if (request.prints_json) return describe_json(request, 3, 0, error, {});
        return {.exit_code = 3, .text = fmt::format("no response from {}: {}\n", address, error)};
    }
    const auto body = response->body.to_string();
    const int exit_code = response->status == 200 ? 0 : 1;
    if (request.prints_json) return describe_json(request, exit_code, response->status, {}, body);
    auto text = fmt::format("{}: {} ({})\n", exit_code == 0 ? "healthy" : "not healthy", address,
                            response->status);
    if (const auto parsed = json::try_parse(body); parsed && parsed->is_object()) {
        append_states(parsed->get_object(), text);
    }
    return {.exit_code = exit_code, .text = std::move(text)};
}

int run(const std::vector<std::string>& flags,
        const std::map<std::string, std::string>& environment) {
    if (wants_help(flags)) {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto request = parse(flags, environment);
    if (!request) {
        std::fprintf(stderr, "dbaas health: %s\n\n%s", request.error().text.c_str(), usage);
        return 2;
    }
    const auto result = describe(*request, ask(*request));
    std::fputs(result.text.c_str(),
               result.exit_code == 0 || request->prints_json ? stdout : stderr);
    return result.exit_code;
}

}  // namespace health
