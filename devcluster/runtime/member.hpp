#pragma once
// One member of a database as a pair of processes, server and exporter, kept running: prepared,
// started, probed, restarted with growing waits when it dies, stopped when cancelled. One loop.

#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "devcluster/runtime/engine.hpp"
#include "obs/log.hpp"

namespace runtime {

struct member_state {
    bool is_ready = false;
    int restarts = 0;
    std::string trouble;  // why it is not ready; empty when it is
    pid_t pid = 0;
};

class member {
  public:
    struct parts {
        const engine& of;
        run_user as;
        aio::blocking_pool& pool;
        obs::log& log;
        // reason and message of a Kubernetes event; called on the loop
        std::function<void(std::string type, std::string reason, std::string message)> on_event;
        std::function<void()> on_change;
    };
    member(member_plan plan, parts with) : plan_(std::move(plan)), with_(std::move(with)) {}

    // Until stop() (or cancelled, which is less kind); both processes are stopped before it ends.
    aio::task<> run();
    [[nodiscard]] const member_state& state() const noexcept { return state_; }
    [[nodiscard]] const member_plan& plan() const noexcept { return plan_; }
    // Takes effect with the next start.
    void change(member_plan plan) { plan_ = std::move(plan); }
    // Stops the server; it is started again with the plan that is then in force.
    void restart();
    void stop();

  private:
    aio::task<> live(process& server);
    aio::task<bool> is_answering();
    void set_ready(bool ready, std::string trouble);

    member_plan plan_;
    parts with_;
    member_state state_;
    std::unique_ptr<process> server_;
    std::unique_ptr<process> exporter_;
    bool is_asked_to_restart_ = false;
    bool is_stopping_ = false;
    base::steady_time kill_at_ = base::steady_time::max();
};

}  // namespace runtime
