#include "api/static/static_site.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "api/api.hpp"
#include "api/etag.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"
#include "json/json.hpp"

namespace api {
namespace {

// The viewer's style sheet contains images (data:). Nothing is loaded from other hosts.
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
    const auto* value = object.if_contains(member);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : "";
}

// Appends links to the schemas that a part of the description refers to.
void append_references(std::string& page, std::string_view label, const json::value& part) {
    constexpr std::string_view mark = "\"#/components/schemas/";
    const auto text = json::serialize(part);
    std::vector<std::string> seen;
    for (auto start = text.find(mark); start != std::string::npos;
         start = text.find(mark, start + 1)) {
        const auto name_start = start + mark.size();
        auto name = text.substr(name_start, text.find('"', name_start) - name_start);
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
        for (const auto& parameter : parameters->as_array()) {
            const auto& entry = parameter.as_object();
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
    for (const auto& file : files) files_.emplace_back(&file);
}

http::response static_site::page(const http::request& request) const {
    for (auto& cached : files_) {
        if (cached.file->name == "index.html") return respond(cached, true, request);
    }
    return plain_page();
}

std::optional<http::response> static_site::file(std::string_view name,
                                                const http::request& request) const {
    if (name == "plain") return plain_page();
    for (auto& cached : files_) {
        if (cached.file->path == name && cached.file->name != "index.html") {
            return respond(cached, false, request);
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

http::response static_site::respond(cached_file& cached, bool is_page,
                                    const http::request& request) {
    const auto& file = *cached.file;
    const bool is_compressed = http::accepts_gzip(request.headers.get("Accept-Encoding"));
    // Two encodings are two representations: each has its own entity tag (RFC 9110, 8.8.3.3).
    const auto etag = fmt::format("\"{}{}\"", file.path, is_compressed ? "-gzip" : "");
    const bool is_unchanged = is_known_encoding(request.headers.get("If-None-Match"), etag);
    http::response response{.status = is_unchanged ? 304U : 200U};
    response.headers.add("ETag", etag);
    response.headers.add("Vary", "Accept-Encoding");
    response.headers.add("Cache-Control",
                         is_page ? "no-cache" : "public, max-age=31536000, immutable");
    if (is_unchanged) return response;
    response.headers.add("Content-Type", std::string(file.media));
    response.headers.add("Content-Security-Policy", viewer_policy);
    response.headers.add("Referrer-Policy", "no-referrer");
    const std::string_view bytes(reinterpret_cast<const char*>(file.compressed.data()),
                                 file.compressed.size());
    if (is_compressed) {
        std::call_once(cached.once_compressed,
                       [&] { cached.compressed = std::make_shared<const std::string>(bytes); });
        response.headers.add("Content-Encoding", "gzip");
        response.body = http::body(cached.compressed);
    } else {
        std::call_once(cached.once_plain, [&] {
            auto text = http::gunzip(bytes, file.bytes);
            assert(text);
            cached.plain = std::make_shared<const std::string>(std::move(*text));
        });
        response.body = http::body(cached.plain);
    }
    return response;
}

}  // namespace api
