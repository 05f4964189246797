#pragma once
// The HTTP handler on the server's loop: passes requests to api_core, runs watches and proxied
// requests, injects faults and counts. Decisions belong to api_core and watch_feed.

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

class request_handler final : public http::handler {
  public:
    struct deps {
        object_store& objects;
        api_core& content;
        std::string token;
        make_simulator simulator;  // may be empty
    };
    request_handler(aio::executor executor, deps deps);
    ~request_handler() override;

    std::optional<http::outgoing_response> handle_now(http::request& incoming) override;
    boost::asio::awaitable<http::outgoing_response> handle(http::request incoming) override;
    http::outgoing_response error_response(unsigned status, std::string_view detail) override;
    // Ends the watches and the simulator's work. Called when the server drains.
    aio::task<> stop();

  private:
    struct watcher;

    [[nodiscard]] bool is_allowed(const http::request& incoming) const;
    http::outgoing_response counted(const request_info& info, http::outgoing_response response);
    http::outgoing_response to_outgoing(const request_info& info, api_result result);
    http::outgoing_response start_watch(watch_request request);
    void wake_watchers();  // every watch checks for changes and faults
    // Serves services/proxy and pods/proxy.
    boost::asio::awaitable<http::outgoing_response> proxied(const request_info& info,
                                                            http::request incoming);
    aio::task<> run_watch(std::shared_ptr<watch_feed> feed, http::stream_writer& out);
    aio::task<> feed_watcher(watch_feed& feed, http::stream_writer& out, watcher& self);
    http::outgoing_response control(const http::request& incoming);
    http::outgoing_response set_faults(const http::request& incoming);
    [[nodiscard]] http::outgoing_response stats() const;

    aio::executor executor_;
    object_store& objects_;
    api_core& core_;
    std::string token_;
    backends backends_;
    fault_injector faults_;
    std::unique_ptr<simulator> simulator_;  // may be null
    std::set<watcher*> watchers_;
    std::map<std::string, std::uint64_t> calls_;     // "list redises"
    std::map<std::string, std::uint64_t> statuses_;  // "list redises 200"
};

}  // namespace apiserver
