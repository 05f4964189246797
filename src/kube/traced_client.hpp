#pragma once
// A client whose calls belong to one trace. Lives as long as the work of one step. Thread: that of
// the client.

#include <string>
#include <utility>

#include "kube/kube_client.hpp"
#include "obs/trace.hpp"

namespace kube {

class traced_client final : public client {
  public:
    // `target` outlives this object.
    traced_client(client& target, const obs::trace_context& parent)
        : target_(target), parent_(parent) {}

    aio::task<json::object> get(resource kind, std::string ns, std::string name) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.get(std::move(kind), std::move(ns), std::move(name));
    }
    aio::task<json::object> create(resource kind, std::string ns, json::object body,
                                   write_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.create(std::move(kind), std::move(ns), std::move(body),
                                          std::move(options));
    }
    aio::task<json::object> update(resource kind, std::string ns, std::string name,
                                   json::object body, std::string subresource,
                                   write_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.update(std::move(kind), std::move(ns), std::move(name),
                                          std::move(body), std::move(subresource),
                                          std::move(options));
    }
    aio::task<json::object> patch(resource kind, std::string ns, std::string name, patch_type type,
                                  json::value body, std::string subresource,
                                  write_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.patch(std::move(kind), std::move(ns), std::move(name), type,
                                         std::move(body), std::move(subresource),
                                         std::move(options));
    }
    aio::task<json::object> remove(resource kind, std::string ns, std::string name,
                                   delete_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.remove(std::move(kind), std::move(ns), std::move(name),
                                          std::move(options));
    }
    aio::task<list_page> list(resource kind, std::string ns, list_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.list(std::move(kind), std::move(ns), std::move(options));
    }
    aio::task<std::string> list_text(resource kind, std::string ns, list_options options) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.list_text(std::move(kind), std::move(ns), std::move(options));
    }
    aio::task<http::response> raw_get(std::string path_and_query, base::steady_time deadline,
                                      std::size_t body_bytes_max,
                                      std::string resource_label) override {
        target_.trace_next_call(parent_);
        co_return co_await target_.raw_get(std::move(path_and_query), deadline, body_bytes_max,
                                           std::move(resource_label));
    }
    // Watches have no span.
    aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) override {
        return target_.open_watch(std::move(path_and_query), std::move(resource_label));
    }
    void on_call(std::function<void(const call_record&)> listener) override {
        target_.on_call(std::move(listener));
    }

  private:
    client& target_;
    obs::trace_context parent_;
};

}  // namespace kube
