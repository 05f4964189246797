#pragma once
// A Kubernetes client over another one that loses answers, or never gives them, after the request
// was carried out; and lets something happen just before a request. For tests; one loop.

#include <map>
#include <string>
#include <utility>

#include "aio/aio.hpp"
#include "kube/kube_client.hpp"

class cutting_client final : public kube::client {
  public:
    cutting_client(const aio::executor& on, kube::client& client)
        : client_(client), news_(on), never_(on) {}

    // A call is verb and plural: "create redises".
    void cut_next(const std::string& call, bool hangs) { cuts_[call] = hangs; }
    void before_next(const std::string& call, std::function<aio::task<>()> act) {
        before_[call] = std::move(act);
    }
    // It is not asked, and this is the answer.
    void answer_next(const std::string& call, base::failure answer) {
        answers_[call] = std::move(answer);
    }
    void forget() {
        answers_.clear();
        cuts_.clear();
        before_.clear();
    }
    // Failures: timed_out.
    aio::task<> until_hung() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!hangs_) {
            auto told = co_await news_.wait_until(deadline);
            if (!told) co_return base::pass(std::move(told));
            if (!*told) co_return base::fail(base::errc::timed_out, "no call hangs");
        }
        co_return base::ok();
    }

    aio::task<kube::json::object> get(kube::resource what, std::string ns,
                                      std::string name) override {
        const auto call = "get " + what.plural;
        return ask(call, [=, this] { return client_.get(what, ns, name); });
    }
    aio::task<kube::json::object> create(kube::resource what, std::string ns,
                                         kube::json::object body,
                                         kube::write_options options) override {
        const auto call = "create " + what.plural;
        return ask(call, [=, this] { return client_.create(what, ns, body, options); });
    }
    aio::task<kube::json::object> update(kube::resource what, std::string ns, std::string name,
                                         kube::json::object body, std::string subresource,
                                         kube::write_options options) override {
        const auto call = "update " + what.plural;
        return ask(
            call, [=, this] { return client_.update(what, ns, name, body, subresource, options); });
    }
    aio::task<kube::json::object> patch(kube::resource what, std::string ns, std::string name,
                                        kube::patch_type type, kube::json::value body,
                                        std::string subresource,
                                        kube::write_options options) override {
        const auto call = "patch " + what.plural;
        return ask(call, [=, this] {
            return client_.patch(what, ns, name, type, body, subresource, options);
        });
    }
    aio::task<kube::json::object> remove(kube::resource what, std::string ns, std::string name,
                                         kube::delete_options options) override {
        const auto call = "delete " + what.plural;
        return ask(call, [=, this] { return client_.remove(what, ns, name, options); });
    }
    aio::task<kube::list_page> list(kube::resource what, std::string ns,
                                    kube::list_options options) override {
        return client_.list(std::move(what), std::move(ns), std::move(options));
    }
    aio::task<std::string> list_text(kube::resource what, std::string ns,
                                     kube::list_options options) override {
        return client_.list_text(std::move(what), std::move(ns), std::move(options));
    }
    aio::task<http::response> raw_get(std::string path_and_query, base::steady_time deadline,
                                      std::size_t body_bytes_max,
                                      std::string resource_label) override {
        return client_.raw_get(std::move(path_and_query), deadline, body_bytes_max,
                               std::move(resource_label));
    }
    aio::task<std::unique_ptr<http::stream_reader>> open_watch(
        std::string path_and_query, std::string resource_label) override {
        if (auto given = answers_.extract("watch " + resource_label)) return refuse(given.mapped());
        return client_.open_watch(std::move(path_and_query), std::move(resource_label));
    }
    void on_call(std::function<void(const kube::call_record&)> listener) override {
        client_.on_call(std::move(listener));
    }

  private:
    static aio::task<std::unique_ptr<http::stream_reader>> refuse(base::failure why) {
        co_return std::unexpected(std::move(why));
    }
    aio::task<kube::json::object> ask(std::string call,
                                      std::function<aio::task<kube::json::object>()> client) {
        if (auto first = before_.extract(call)) {
            auto acted = co_await first.mapped()();
            if (!acted) co_return base::pass(std::move(acted));
        }
        if (auto given = answers_.extract(call)) co_return std::unexpected(given.mapped());
        auto answer = co_await client();
        const auto at = cuts_.find(call);
        if (at == cuts_.end()) co_return answer;
        const bool hangs = at->second;
        cuts_.erase(at);
        if (!hangs) co_return base::fail(base::errc::timed_out, "the answer was lost");
        hangs_ = true;
        news_.notify();
        auto ended = co_await never_.wait();
        hangs_ = false;
        if (!ended) co_return base::pass(std::move(ended));
        co_return base::fail(base::errc::internal, "nobody wakes it");
    }

    kube::client& client_;
    std::map<std::string, base::failure> answers_;
    std::map<std::string, bool> cuts_;  // true: it hangs
    std::map<std::string, std::function<aio::task<>()>> before_;
    bool hangs_ = false;
    aio::notification news_;
    aio::notification never_;
};
