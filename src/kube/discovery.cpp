#include "kube/discovery.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "kube/json_text.hpp"
#include "kube/status.hpp"

namespace kube {
namespace {

using base::errc;

constexpr std::size_t page_bytes_max = 16 * 1024 * 1024;

const json::array* array_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

aio::task<json::value> get_json(client& through, std::string path) {
    auto got = co_await through.raw_get(std::move(path),
                                        std::chrono::steady_clock::now() + std::chrono::seconds(15),
                                        page_bytes_max, "discovery");
    if (!got) co_return base::pass(std::move(got));
    if (got->status != 200) {
        co_return std::unexpected(failure_of_answer(got->status, got->body.to_string()));
    }
    auto parsed = parse_json(got->body.to_string());
    if (!parsed || !parsed->is_object()) {
        co_return base::fail(errc::corrupt, "discovery: not a JSON object");
    }
    co_return std::move(*parsed);
}

// The kinds of one APIResourceList, subresources left out.
void add_kinds(const json::object& list, const std::string& group, const std::string& version,
               std::vector<resource>& into) {
    const auto* resources = array_at(list, "resources");
    if (resources == nullptr) return;
    for (const auto& each : *resources) {
        const auto* entry = each.if_object();
        if (entry == nullptr || text_at(*entry, "name").find('/') != std::string_view::npos)
            continue;
        const auto* namespaced = entry->if_contains("namespaced");
        resource found{
            .group = group,
            .version = version,
            .plural = std::string(text_at(*entry, "name")),
            .kind = std::string(text_at(*entry, "kind")),
            .namespaced = namespaced != nullptr && namespaced->is_bool() && namespaced->get_bool()};
        const bool known = std::ranges::any_of(into, [&](const resource& other) {
            return other.group == group && other.plural == found.plural;
        });
        if (!known) into.push_back(std::move(found));
    }
}

}  // namespace

aio::task<std::vector<resource>> discover(client& through, std::vector<std::string> groups) {
    std::vector<resource> found;
    for (const auto& group : groups) {
        std::vector<std::string> versions;
        if (group.empty()) {
            versions.emplace_back("v1");
        } else {
            auto known = co_await get_json(through, "/apis/" + group);
            if (!known) {
                if (known.error().code == errc::not_found) continue;  // not installed
                co_return base::pass(std::move(known), "discovery of " + group);
            }
            const auto& object = known->get_object();
            if (const auto* preferred = object_at(object, "preferredVersion")) {
                versions.emplace_back(text_at(*preferred, "version"));
            }
            if (const auto* all = array_at(object, "versions")) {
                for (const auto& each : *all) {
                    if (!each.is_object()) continue;
                    std::string version(text_at(each.get_object(), "version"));
                    if (std::ranges::find(versions, version) == versions.end()) {
                        versions.push_back(std::move(version));
                    }
                }
            }
        }
        for (const auto& version : versions) {
            auto list = co_await get_json(
                through, group.empty() ? "/api/v1" : "/apis/" + group + "/" + version);
            if (!list) {
                if (list.error().code == errc::not_found) continue;
                co_return base::pass(std::move(list), "discovery of " + group);
            }
            add_kinds(list->get_object(), group, version, found);
        }
    }
    co_return found;
}

}  // namespace kube
