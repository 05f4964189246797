#pragma once
// What happens on the server's one loop: requests to the core, watches, proxies, fault switches and
// counters. A thin shell; what is decided is decided in core and watch_feed.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "devcluster/apiserver/api_core.hpp"
#include "devcluster/apiserver/backends.hpp"
#include "devcluster/apiserver/faults.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "http/server.hpp"

namespace apiserver {

class serving final : public http::handler {
  public:
    struct parts {
        object_store& objects;
        core& content;
        std::string token;
        make_simulator simulator;  // may be empty
    };
    serving(aio::executor on, parts of);
    ~serving() override;

    std::optional<http::outgoing_response> handle_now(http::request& incoming) override;
    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override;
    http::outgoing_response error_response(unsigned status, std::string_view detail) override;
    // The server drains: watches end, and so does the simulator's work.
    aio::task<> stop();

  private:
    struct watcher;

    [[nodiscard]] bool is_allowed(const http::request& incoming) const;
    http::outgoing_response counted(const call& asked, http::outgoing_response answer);
    http::outgoing_response answer_of(const call& asked, reply got);
    http::outgoing_response start_watch(watch_order order);
    void wake_watchers();  // lets every watch look at the world
    // What services/proxy leads to.
    boost::asio::awaitable<http::outgoing_response> proxied(const call& asked,
                                                            http::request incoming);
    aio::task<> run_watch(std::shared_ptr<watch_feed> feed, http::stream_writer& out);
    aio::task<> feed_watcher(watch_feed& feed, http::stream_writer& out, watcher& mine);
    http::outgoing_response control(const http::request& incoming);
    http::outgoing_response set_faults(const http::request& incoming);
    [[nodiscard]] http::outgoing_response stats() const;

    aio::executor executor_;
    object_store& objects_;
    core& core_;
    std::string token_;
    backends backends_;
    fault_switches faults_;
    std::unique_ptr<simulator> simulator_;  // may be null
    std::set<watcher*> watchers_;
    std::map<std::string, std::uint64_t> calls_;     // "list redises"
    std::map<std::string, std::uint64_t> statuses_;  // "list redises 200"
};

}  // namespace apiserver
