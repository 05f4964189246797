#pragma once
// A Kubernetes client that forwards to another client. A test can make it lose the response to a
// request, hang, fail a request, or run an action before a request. One loop.

#include <map>
#include <string>
#include <utility>

#include "aio/aio.hpp"
#include "kube/kube_client.hpp"

class faulty_client final : public kube::client {
  public:
    faulty_client(const aio::executor& executor, kube::client& client)
        : client_(client), events_(executor), never_(executor) {}

    // Forwards the next such call and loses its response, or hangs after it. A call is a verb and a
    // plural: "create redises".
    void lose_next_response(const std::string& call, bool hangs) { lost_[call] = hangs; }
    // Runs `act` before the next such call is forwarded.
    void before_next(const std::string& call, std::function<aio::task<>()> act) {
        actions_[call] = std::move(act);
    }
    // Fails the next such call without forwarding it.
    void fail_next(const std::string& call, base::failure failure) {
        failures_[call] = std::move(failure);
    }
    // Returns an empty list of version 1 for the next list of one object of this resource, as a
    // server does after a restore of an old backup.
    void show_old_history(std::string plural) { old_history_ = std::move(plural); }
    void clear() {
        old_history_.clear();
        failures_.clear();
        lost_.clear();
        actions_.clear();
    }
    // Waits until a call hangs. Errors: timed_out (after 10 s).
    aio::task<> wait_until_hung() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!hangs_) {
            auto notified = co_await events_.wait_until(deadline);
            if (!notified) co_return base::pass(std::move(notified));
            if (!*notified) co_return base::fail(base::errc::timed_out, "no call hangs");
        }
        co_return base::ok();
    }

    aio::task<json::object> get(kube::resource resource, std::string ns,
                                std::string name) override {
        const auto call = "get " + resource.plural;
        return call_with_faults(call, [=, this] { return client_.get(resource, ns, name); });
    }
    aio::task<json::object> create(kube::resource resource, std::string ns, json::object body,
                                   kube::write_options options) override {
        const auto call = "create " + resource.plural;
        return call_with_faults(call,
                                [=, this] { return client_.create(resource, ns, body, options); });
    }
    aio::task<json::object> update(kube::resource resource, std::string ns, std::string name,
                                   json::object body, std::string subresource,
                                   kube::write_options options) override {
        const auto call = "update " + resource.plural;
        return call_with_faults(call, [=, this] {
            return client_.update(resource, ns, name, body, subresource, options);
        });
    }
    aio::task<json::object> patch(kube::resource resource, std::string ns, std::string name,
                                  kube::patch_type type, json::value body, std::string subresource,
                                  kube::write_options options) override {
        const auto call = "patch " + resource.plural;
        return call_with_faults(call, [=, this] {
            return client_.patch(resource, ns, name, type, body, subresource, options);
        });
    }
    aio::task<json::object> remove(kube::resource resource, std::string ns, std::string name,
                                   kube::delete_options options) override {
        const auto call = "delete " + resource.plural;
        return call_with_faults(call,
                                [=, this] { return client_.remove(resource, ns, name, options); });
    }
    aio::task<kube::list_page> list(kube::resource resource, std::string ns,
                                    kube::list_options options) override {
        return client_.list(std::move(resource), std::move(ns), std::move(options));
    }
    aio::task<std::string> list_text(kube::resource resource, std::string ns,
                                     kube::list_options options) override {
        if (options.limit == 1 && resource.plural == old_history_) {
            old_history_.clear();
            return old_list(std::move(resource));
        }
        return client_.list_text(std::move(resource), std::move(ns), std::move(options));
    }
    aio::task<http::response> raw_get(std::string path_and_query, base::steady_time deadline,
                                      std::size_t body_bytes_max,
                                      std::string resource_label) override {
        return client_.raw_get(std::move(path_and_query), deadline, body_bytes_max,
                               std::move(resource_label));
    }
    aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) override {
        if (auto failure = failures_.extract("watch " + resource_label)) {
            return fail_watch(failure.mapped());
        }
        return client_.open_watch(std::move(path_and_query), std::move(resource_label));
    }
    void on_call(std::function<void(const kube::call_record&)> listener) override {
        client_.on_call(std::move(listener));
    }

  private:
    static aio::task<std::string> old_list(kube::resource resource) {
        co_return json::serialize(json::object{{"kind", resource.kind + "List"},
                                               {"apiVersion", resource.api_version()},
                                               {"metadata", {{"resourceVersion", "1"}}},
                                               {"items", json::array()}});
    }
    static aio::task<std::unique_ptr<http::stream_reader>> fail_watch(base::failure failure) {
        co_return std::unexpected(std::move(failure));
    }
    aio::task<json::object> call_with_faults(std::string call,
                                             std::function<aio::task<json::object>()> forward) {
        if (auto action = actions_.extract(call)) {
            auto acted = co_await action.mapped()();
            if (!acted) co_return base::pass(std::move(acted));
        }
        if (auto failure = failures_.extract(call)) co_return std::unexpected(failure.mapped());
        auto response = co_await forward();
        const auto it = lost_.find(call);
        if (it == lost_.end()) co_return response;
        const bool hangs = it->second;
        lost_.erase(it);
        if (!hangs) co_return base::fail(base::errc::timed_out, "the response was lost");
        hangs_ = true;
        events_.notify();
        auto ended = co_await never_.wait();
        hangs_ = false;
        if (!ended) co_return base::pass(std::move(ended));
        co_return base::fail(base::errc::internal, "unexpected notification");
    }

    kube::client& client_;
    std::map<std::string, base::failure> failures_;
    std::map<std::string, bool> lost_;  // true: the call hangs
    std::map<std::string, std::function<aio::task<>()>> actions_;
    std::string old_history_;
    bool hangs_ = false;
    aio::notification events_;
    aio::notification never_;
};
