#include "app/store_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "app/document_walk.hpp"
#include "app/store_restoration.hpp"
#include "base/base64.hpp"
#include "base/time_text.hpp"
#include "base/utf8.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "token/digest.hpp"

namespace app {
namespace {

using base::errc;
constexpr std::string_view format_name = "dbaas-store";
constexpr std::int64_t format_version = 1;
constexpr std::size_t page_limit = 200;

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto size = base::utf8_length(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

void write_values(json::writer& out, std::string_view key,
                  const std::map<std::string, std::string>& values) {
    if (values.empty()) return;
    out.key(key).begin_object();
    for (const auto& [name, value] : values) out.member(name, value);
    out.end_object();
}

void write_document(json::writer& out, const std::string& collection,
                    const ports::document& document) {
    out.begin_object().member("collection", collection).member("id", document.id);
    out.member("revision", document.revision);
    if (is_utf8(document.body)) {
        out.member("body", document.body);
    } else {
        out.member("body_base64", base::to_base64(document.body));
    }
    write_values(out, "index", document.index);
    write_values(out, "unique", document.unique);
    out.end_object();
}

std::unexpected<base::failure> corrupt(std::string text) {
    return base::fail(errc::corrupt, std::move(text));
}

base::outcome<std::map<std::string, std::string>> read_values(const json::object& line,
                                                              std::string_view key) {
    std::map<std::string, std::string> values;
    for (const auto& [name, value] : json::object_or_empty(line, key)) {
        if (!value.is_string()) return corrupt(fmt::format("'{}' must have text values", key));
        values.emplace(name, value.get_string());
    }
    return values;
}

base::outcome<ports::document> read_document(const json::object& line) {
    ports::document document{.id = std::string(json::text_at(line, "id")),
                             .body = std::string(json::text_at(line, "body"))};
    const auto revision = json::number_at(line, "revision");
    if (document.id.empty() || !revision || *revision < 1) {
        return corrupt("a document lacks its id or its revision");
    }
    document.revision = *revision;
    if (line.contains("body_base64")) {
        auto body = base::from_base64(json::text_at(line, "body_base64"));
        if (!body) return corrupt("'body_base64' is not base64");
        document.body = std::move(*body);
    }
    auto index = read_values(line, "index");
    if (!index) return base::pass(std::move(index));
    auto unique = read_values(line, "unique");
    if (!unique) return base::pass(std::move(unique));
    document.index = std::move(*index);
    document.unique = std::move(*unique);
    return document;
}

base::outcome<void> read_head(const json::object& line, store_archive& archive) {
    if (json::text_at(line, "format") != format_name) return corrupt("not an archive of a store");
    const auto version = json::number_at(line, "version");
    if (version != format_version) {
        return base::fail(errc::unsupported,
                          fmt::format("the archive has the version {}, this program reads {}",
                                      version.value_or(0), format_version));
    }
    const auto time = base::from_rfc3339(json::text_at(line, "created_at"));
    if (!time) return corrupt("'created_at' is not a time");
    archive.created_at = *time;
    archive.program = json::text_at(line, "program");
    return {};
}

store_digest digest_of(const store_archive& archive) {
    store_digest result;
    for (const auto& [name, documents] : archive.collections) {
        auto& digest = result[name];
        for (const auto& document : documents) add_document(digest, document);
    }
    return result;
}

aio::task<> keep_page(std::vector<ports::document>& out, std::vector<ports::document> page) {
    std::ranges::move(page, std::back_inserter(out));
    co_return base::ok();
}

}  // namespace

aio::task<store_archive> read_archive(ports::document_archive& source, bool has_history) {
    auto complete = co_await check_complete(source);
    if (!complete) co_return base::pass(std::move(complete));
    const auto names = co_await source.collections();
    if (!names) co_return base::pass(names);
    store_archive archive;
    for (const auto& name : *names) {
        if (name == "metrics" || (name == "history" && !has_history)) continue;
        auto& documents = archive.collections[name];
        const page_visitor keep = [&documents](std::vector<ports::document> page) {
            return keep_page(documents, std::move(page));
        };
        auto walked = co_await visit_pages(source, name, page_limit, keep);
        if (!walked) co_return base::pass(std::move(walked));
        if (documents.empty()) archive.collections.erase(name);
    }
    archive.digest = digest_of(archive);
    co_return archive;
}

std::string encode(const store_archive& archive) {
    std::string text;
    json::writer(text)
        .begin_object()
        .member("format", format_name)
        .member("version", format_version)
        .member("created_at", base::to_rfc3339(archive.created_at))
        .member("program", archive.program)
        .end_object();
    text += '\n';
    for (const auto& [name, documents] : archive.collections) {
        for (const auto& document : documents) {
            json::writer out(text);
            write_document(out, name, document);
            text += '\n';
        }
    }
    const auto sha256 = token::to_hex(token::sha256(text));
    json::writer out(text);
    out.begin_object().key("documents").begin_object();
    for (const auto& [name, documents] : archive.collections) {
        out.member(name, static_cast<std::int64_t>(documents.size()));
    }
    out.end_object().member("sha256", sha256).end_object();
    text += '\n';
    return text;
}

base::outcome<store_archive> decode_archive(std::string_view text) {
    if (!text.ends_with('\n')) return corrupt("the archive is truncated");
    const auto body_size = text.substr(0, text.size() - 1).rfind('\n') + 1;
    const auto last = json::try_parse(text.substr(body_size, text.size() - 1 - body_size));
    const auto sha256 = token::to_hex(token::sha256(text.substr(0, body_size)));
    if (!last || !last->is_object() || json::text_at(last->get_object(), "sha256") != sha256) {
        return corrupt("the archive is truncated or was changed: its digest differs");
    }
    store_archive archive;
    auto rest = text.substr(0, body_size);
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const auto size = rest.find('\n');
        const auto line = json::try_parse(rest.substr(0, size));
        rest.remove_prefix(size + 1);
        if (!line || !line->is_object()) return corrupt(fmt::format("line {}: no object", number));
        const auto& object = line->get_object();
        if (number == 1) {
            auto head = read_head(object, archive);
            if (!head) return base::pass(std::move(head));
            continue;
        }
        auto document = read_document(object);
        if (!document) return base::pass(std::move(document), fmt::format("line {}", number));
        archive.collections[std::string(json::text_at(object, "collection"))].push_back(
            std::move(*document));
    }
    archive.digest = digest_of(archive);
    return archive;
}

aio::task<store_digest> restore_archive(store_archive archive, ports::document_archive& target,
                                        std::function<void(const std::string& collection)> report) {
    auto begun = co_await begin_restoration(target);
    if (!begun) co_return base::pass(std::move(begun));
    for (auto& [name, documents] : archive.collections) {
        for (std::size_t begin = 0; begin < documents.size(); begin += page_limit) {
            const auto first = documents.begin() + static_cast<std::ptrdiff_t>(begin);
            const auto count = std::min(page_limit, documents.size() - begin);
            std::vector<ports::document> page(first, first + static_cast<std::ptrdiff_t>(count));
            auto restored = co_await target.restore(name, std::move(page));
            if (!restored) co_return base::pass(std::move(restored), name);
        }
        report(name);
    }
    const auto digest = co_await read_digest(target);
    if (!digest) co_return base::pass(digest);
    if (*digest != archive.digest) {
        co_return base::fail(errc::unavailable,
                             "the store differs from the archive after the import; stop every "
                             "platform that uses the store, empty it and import again");
    }
    auto ended = co_await end_restoration(target);
    if (!ended) co_return base::pass(std::move(ended));
    co_return *digest;
}

}  // namespace app
