#include "devcluster/apiserver/object_deletes.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "devcluster/apiserver/representation.hpp"
#include "devcluster/apiserver/selector.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

struct delete_options {
    std::string policy;  // propagationPolicy
    std::string uid;
    std::string revision;
    bool dry_run = false;
};

std::variant<delete_options, status_error> read_options(const request_info& info,
                                                        const http::request& incoming) {
    delete_options read{.policy = std::string(info.option("propagationPolicy")),
                        .dry_run = !info.option("dryRun").empty()};
    if (incoming.body.empty()) return read;
    boost::system::error_code error;
    const auto parsed = json::parse(incoming.body, error);
    if (error || !parsed.is_object()) {
        return bad_request("couldn't get version/kind; json parse error");
    }
    const auto& body = parsed.get_object();
    if (const auto policy = text_at(body, "propagationPolicy"); !policy.empty()) {
        read.policy = policy;
    }
    if (const auto* conditions = object_at(&body, "preconditions")) {
        read.uid = text_at(*conditions, "uid");
        read.revision = text_at(*conditions, "resourceVersion");
    }
    read.dry_run = read.dry_run || array_at(&body, "dryRun") != nullptr;
    const bool is_known = read.policy.empty() || read.policy == "Background" ||
                          read.policy == "Foreground" || read.policy == "Orphan";
    if (is_known) return read;
    return invalid("meta.k8s.io", "DeleteOptions", "",
                   {{"FieldValueNotSupported",
                     fmt::format("Unsupported value: \"{}\": supported values: \"Background\", "
                                 "\"Foreground\", \"Orphan\"",
                                 read.policy),
                     "propagationPolicy"}});
}

}  // namespace

write_result object_deletes::delete_object(const request_info& info,
                                           const http::request& incoming) {
    const auto& type = *info.type;
    const auto present = objects_.find(type.key(), info.key());
    if (!present) return not_found(type.group, type.plural, info.name);
    auto read = read_options(info, incoming);
    if (const auto* error = std::get_if<status_error>(&read)) return *error;
    const auto& options = std::get<delete_options>(read);
    if (!options.uid.empty() && options.uid != present->uid) {
        return conflict(type.group, type.plural, info.name,
                        fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                    "meta: {}",
                                    options.uid, present->uid));
    }
    if (!options.revision.empty() && options.revision != std::to_string(present->revision)) {
        return conflict(type.group, type.plural, info.name,
                        fmt::format("Precondition failed: ResourceVersion in precondition: {}, "
                                    "ResourceVersion in object meta: {}",
                                    options.revision, present->revision));
    }
    const auto success_response = [&] {
        return json_response(200, success(info.name, type.group, type.plural, present->uid));
    };
    if (options.dry_run) return success_response();
    auto started = collector_.begin_delete({type.key(), info.key()},
                                           options.policy == "Foreground" ? propagation::foreground
                                           : options.policy == "Orphan"   ? propagation::orphan
                                                                        : propagation::background);
    if (!started) return internal_error(started.error().text);
    const auto left = objects_.find(type.key(), info.key());
    return left ? object_response(info.type, 200, *left) : success_response();
}

write_result object_deletes::delete_collection(const request_info& info,
                                               const http::request& incoming) {
    const auto& type = *info.type;
    auto read = read_options(info, incoming);
    if (const auto* error = std::get_if<status_error>(&read)) return *error;
    const auto wanted = selector::parse(info.option("labelSelector"), info.option("fieldSelector"),
                                        type.selectable);
    if (!wanted) return bad_request(wanted.error().text);
    std::vector<std::pair<object_key, object_pointer>> list;
    for (const auto& [key, object] : objects_.all(type.key())) {
        if (!info.ns.empty() && key.first != info.ns) continue;
        if (wanted->matches(key, *object)) list.emplace_back(key, object);
    }
    std::string items;
    for (const auto& [key, object] : list) {
        if (!items.empty()) items += ',';
        append_object(items, {info.type, object_format::whole}, object->text());
        if (std::get<delete_options>(read).dry_run) continue;
        auto started = collector_.begin_delete({type.key(), key});
        if (!started) return internal_error(started.error().text);
    }
    return json_response(
        200, fmt::format(R"({{"apiVersion":"{}","kind":"{}List","metadata":{{"resourceVersion":)"
                         R"("{}"}},"items":[{}]}})",
                         type.api_version(), type.kind, objects_.revision(), items));
}

}  // namespace apiserver
