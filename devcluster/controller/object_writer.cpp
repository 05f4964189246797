#include "devcluster/controller/object_writer.hpp"

#include <boost/json/serialize.hpp>

#include "kube/json_text.hpp"

namespace controller {
namespace {

std::string key_of(const kube::resource& what, std::string_view name, std::string_view part) {
    return what.plural + "/" + std::string(name) + "/" + std::string(part);
}

}  // namespace

aio::task<> object_writer::tell(kube::resource what, json::object content) {
    const auto* metadata = kube::object_at(content, "metadata");
    const auto key = key_of(what, kube::text_at(*metadata, "name"), "");
    auto text = json::serialize(content);
    const auto known = told_.find(key);
    if (known != told_.end() && known->second == text) co_return base::ok();
    const auto forgotten = forgotten_;
    auto told = co_await ensure(kube_, std::move(what), std::move(content));
    if (!told) co_return base::pass(std::move(told), key);
    if (forgotten == forgotten_) told_[key] = std::move(text);
    co_return base::ok();
}

aio::task<> object_writer::write_status(kube::resource what, std::string ns, std::string name,
                                        std::string gist, json::object status) {
    const auto key = key_of(what, name, "status");
    const auto known = told_.find(key);
    if (known != told_.end() && known->second == gist) co_return base::ok();
    json::object patch{{"status", std::move(status)}};
    const auto forgotten = forgotten_;
    auto told = co_await kube_.patch(what, std::move(ns), name, kube::patch_type::merge,
                                     std::move(patch), "status", own_write());
    if (!told) {
        if (told.error().code == base::errc::not_found) forget(what, name);
        co_return base::pass(std::move(told), key);
    }
    if (forgotten == forgotten_) told_[key] = std::move(gist);
    co_return base::ok();
}

void object_writer::forget(const kube::resource& what, const std::string& name) {
    ++forgotten_;
    told_.erase(key_of(what, name, ""));
    told_.erase(key_of(what, name, "status"));
}

aio::task<> object_writer::remove(kube::resource what, std::string ns, std::string name) {
    forget(what, name);
    return controller::remove(kube_, std::move(what), std::move(ns), std::move(name));
}

aio::task<> object_writer::remove_all(kube::resource what, std::string ns, std::string selector) {
    const kube::list_options which{.label_selector = std::move(selector), .limit = 500};
    auto found = co_await kube_.list(what, ns, which);
    if (!found) {
        if (found.error().reason == "not_served") co_return base::ok();
        co_return base::pass(std::move(found), what.plural);
    }
    for (const auto& each : found->items) {
        const auto* metadata = kube::object_at(each, "metadata");
        if (metadata == nullptr) continue;
        auto removed = co_await remove(what, ns, std::string(kube::text_at(*metadata, "name")));
        if (!removed) co_return removed;
    }
    co_return base::ok();
}

}  // namespace controller
