#include "devcluster/controller/object_writer.hpp"

#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/status_reason.hpp"

namespace controller {
namespace {

std::string key_of(const kube::resource& resource, std::string_view name, std::string_view part) {
    return resource.plural + "/" + std::string(name) + "/" + std::string(part);
}

}  // namespace

aio::task<> object_writer::write(kube::resource resource, json::object content) {
    const auto* metadata = json::object_at(content, "metadata");
    const auto key = key_of(resource, json::text_at(*metadata, "name"), "");
    auto text = json::serialize(content);
    const auto known = written_.find(key);
    if (known != written_.end() && known->second == text) co_return base::ok();
    const auto forgotten = forgotten_;
    auto written = co_await ensure(kube_, std::move(resource), std::move(content));
    if (!written) co_return base::pass(std::move(written), key);
    if (forgotten == forgotten_) written_[key] = std::move(text);
    co_return base::ok();
}

aio::task<> object_writer::write_status(kube::resource resource, std::string ns, std::string name,
                                        std::string fingerprint, json::object status) {
    const auto key = key_of(resource, name, "status");
    const auto known = written_.find(key);
    if (known != written_.end() && known->second == fingerprint) co_return base::ok();
    json::object patch{{"status", std::move(status)}};
    const auto forgotten = forgotten_;
    auto written = co_await kube_.patch(resource, std::move(ns), name, kube::patch_type::merge,
                                        std::move(patch), "status", own_write());
    if (!written) {
        if (written.error().code == base::errc::not_found) forget(resource, name);
        co_return base::pass(std::move(written), key);
    }
    if (forgotten == forgotten_) written_[key] = std::move(fingerprint);
    co_return base::ok();
}

void object_writer::forget(const kube::resource& resource, const std::string& name) {
    ++forgotten_;
    written_.erase(key_of(resource, name, ""));
    written_.erase(key_of(resource, name, "status"));
}

aio::task<> object_writer::remove(kube::resource resource, std::string ns, std::string name) {
    forget(resource, name);
    return controller::remove(kube_, std::move(resource), std::move(ns), std::move(name));
}

aio::task<> object_writer::remove_all(kube::resource resource, std::string ns,
                                      std::string selector) {
    const kube::list_options options{.label_selector = std::move(selector), .limit = 500};
    auto listed = co_await kube_.list(resource, ns, options);
    if (!listed) {
        if (listed.error().cause == kube::status_reason::not_served) co_return base::ok();
        co_return base::pass(std::move(listed), resource.plural);
    }
    for (const auto& each : listed->items) {
        const auto* metadata = json::object_at(each, "metadata");
        if (metadata == nullptr) continue;
        auto removed = co_await remove(resource, ns, std::string(json::text_at(*metadata, "name")));
        if (!removed) co_return removed;
    }
    co_return base::ok();
}

}  // namespace controller
