#include "api/static/static_site.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>

#include "api/api.hpp"
#include "api/etag.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"

namespace api {
namespace {

namespace json = boost::json;

// The viewer shows small pictures out of its style sheet (data:); nothing comes from other hosts.
constexpr const char* viewer_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr const char* plain_policy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '&':
                result += "&amp;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

std::string_view text_of(const json::object& object, std::string_view member) {
    const auto* found = object.if_contains(member);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : "";
}

// The names of the documents that a part of the description refers to, as links to them.
void append_references(std::string& page, std::string_view label, const json::value& part) {
    constexpr std::string_view mark = "\"#/components/schemas/";
    const auto text = json::serialize(part);
    std::vector<std::string> seen;
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
        const auto begun = at + mark.size();
        auto name = text.substr(begun, text.find('"', begun) - begun);
        if (std::ranges::find(seen, name) == seen.end()) seen.push_back(std::move(name));
    }
    for (const auto& name : seen) {
        fmt::format_to(std::back_inserter(page), "<p>{0}: <a href=#{1}>{1}</a></p>", label, name);
    }
}

void append_operation(std::string& page, std::string_view verb, std::string_view path,
                      const json::object& operation) {
    std::string method(verb);
    std::ranges::transform(method, method.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    fmt::format_to(std::back_inserter(page),
                   "<details><summary><b class=m>{}</b><code>{}</code> {}</summary><table>", method,
                   escaped(path), escaped(text_of(operation, "summary")));
    if (const auto* parameters = operation.if_contains("parameters")) {
        for (const auto& each : parameters->as_array()) {
            const auto& entry = each.as_object();
            fmt::format_to(std::back_inserter(page), "<tr><td><code>{}</code><td>{}<td>{}",
                           escaped(text_of(entry, "name")), escaped(text_of(entry, "in")),
                           escaped(text_of(entry, "description")));
        }
    }
    page += "</table>";
    if (const auto* body = operation.if_contains("requestBody")) {
        append_references(page, "Body", *body);
    }
    for (const auto& [status, response] : operation.at("responses").as_object()) {
        if (status.starts_with('2')) {
            append_references(page, fmt::format("Response {}", std::string_view(status)), response);
        }
    }
    page += "</details>";
}

std::string make_plain_page(std::string_view description) {
    std::string page =
        "<!doctype html><html lang=en><meta charset=utf-8><title>KubeDB DBaaS Platform: API</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
        "1rem}"
        "code,pre{font-family:ui-monospace,monospace;background:#f4f4f4;padding:.1em .3em}"
        "pre{padding:1em;overflow:auto}details{border-top:1px solid #ddd;padding:.4rem 0}"
        "summary{cursor:pointer}b.m{display:inline-block;width:5rem;color:#06c}"
        "table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}</style>"
        "<h1>KubeDB DBaaS Platform</h1><p>The machine-readable description is "
        "<a href=/api/v1/openapi.json>openapi.json</a> (OpenAPI 3.1). Errors are problem documents "
        "(RFC 9457) that list every invalid field.</p>";
    if (embedded_viewer().empty()) page += "<p>This build does not include Swagger UI.</p>";
    page += "<h2>Routes</h2>";
    const auto document = json::parse(description);
    for (const auto& [path, item] : document.at("paths").as_object()) {
        for (const auto& [verb, operation] : item.as_object()) {
            append_operation(page, verb, path, operation.as_object());
        }
    }
    page += "<h2>Documents</h2>";
    for (const auto& [name, schema] : document.at("components").at("schemas").as_object()) {
        fmt::format_to(std::back_inserter(page), "<h3 id={0}>{0}</h3><pre>{1}</pre>",
                       std::string_view(name), escaped(json::serialize(schema)));
    }
    return page + "</html>";
}

}  // namespace

std::string_view api_viewer() noexcept {
    return embedded_viewer();
}

static_site::static_site(std::string_view description, std::span<const static_file> files)
    : plain_page_(std::make_shared<const std::string>(make_plain_page(description))) {
    for (const auto& each : files) files_.emplace_back(&each);
}

http::response static_site::page(const http::request& incoming) const {
    for (auto& each : files_) {
        if (each.what->name == "index.html") return answer(each, true, incoming);
    }
    return plain_page();
}

std::optional<http::response> static_site::file(std::string_view name,
                                                const http::request& incoming) const {
    if (name == "plain") return plain_page();
    for (auto& each : files_) {
        if (each.what->path == name && each.what->name != "index.html") {
            return answer(each, false, incoming);
        }
    }
    return std::nullopt;
}

http::response static_site::plain_page() const {
    http::response response{.status = 200, .body = http::body(plain_page_)};
    response.headers.add("Content-Type", "text/html; charset=utf-8");
    response.headers.add("Content-Security-Policy", plain_policy);
    return response;
}

http::response static_site::answer(held_file& from, bool is_page, const http::request& incoming) {
    const auto& what = *from.what;
    const bool packed = http::accepts_gzip(incoming.headers.get("Accept-Encoding"));
    // Two encodings are two representations: each has its own tag (RFC 9110, 8.8.3.3).
    const auto etag = fmt::format("\"{}{}\"", what.path, packed ? "-gzip" : "");
    const bool known = is_known(incoming.headers.get("If-None-Match"), etag);
    http::response response{.status = known ? 304U : 200U};
    response.headers.add("ETag", etag);
    response.headers.add("Vary", "Accept-Encoding");
    response.headers.add("Cache-Control",
                         is_page ? "no-cache" : "public, max-age=31536000, immutable");
    if (known) return response;
    response.headers.add("Content-Type", std::string(what.media));
    response.headers.add("Content-Security-Policy", viewer_policy);
    response.headers.add("Referrer-Policy", "no-referrer");
    const std::string_view bytes(reinterpret_cast<const char*>(what.packed.data()),
                                 what.packed.size());
    if (packed) {
        std::call_once(from.once_packed,
                       [&] { from.packed = std::make_shared<const std::string>(bytes); });
        response.headers.add("Content-Encoding", "gzip");
        response.body = http::body(from.packed);
    } else {
        std::call_once(from.once_plain, [&] {
            auto unpacked = http::gunzip(bytes, what.bytes);
            assert(unpacked);
            from.plain = std::make_shared<const std::string>(std::move(*unpacked));
        });
        response.body = http::body(from.plain);
    }
    return response;
}

}  // namespace api
