#pragma once
// Keeps a member of a database running, a server and its exporter: prepares, starts and probes it,
// restarts it with backoff, and stops it. One loop.

#include <functional>
#include <memory>
#include <string>

#include "aio/aio.hpp"
#include "devcluster/runtime/engine.hpp"
#include "devcluster/runtime/local_ports.hpp"
#include "obs/log.hpp"

namespace runtime {

struct member_state {
    bool is_ready = false;
    int restarts = 0;
    std::string not_ready_reason;  // empty if ready
    pid_t pid = 0;
};

class member {
  public:
    struct deps {
        const runtime::engine& engine;
        run_user as;
        aio::blocking_pool& pool;
        port_registry& ports;
        obs::log& log;
        // Receives type, reason and message of a Kubernetes event, on the loop.
        std::function<void(std::string type, std::string reason, std::string message)> on_event;
        std::function<void()> on_change;  // state() or the ports in plan() changed
    };
    member(member_plan plan, deps deps) : plan_(std::move(plan)), deps_(std::move(deps)) {}
    ~member() { deps_.ports.release(plan_.folder); }
    member(const member&) = delete;
    member& operator=(const member&) = delete;

    // Runs until stop() or cancellation, and stops both processes before it returns. Cancellation
    // kills them. Each start settles the ports of the plan: the remembered ones if they are free.
    // The exporter's port is checked again before each of its starts.
    aio::task<> run();
    [[nodiscard]] const member_state& state() const noexcept { return state_; }
    [[nodiscard]] const member_plan& plan() const noexcept { return plan_; }
    // Sets the plan for the next start.
    void change(member_plan plan) { plan_ = std::move(plan); }
    // Stops the server; run() starts it again with the present plan.
    void restart();
    void stop();

  private:
    enum class probe_result { none, not_ready, ready, cut_off };
    aio::task<> start_and_supervise();
    aio::task<> supervise(process& server);
    aio::task<probe_result> probe_server();
    aio::task<> settle_ports();
    aio::task<> kill_leftovers();
    aio::task<> wait_before_restart(std::chrono::milliseconds wait);
    void on_probe_result(probe_result result);
    void ensure_exporter();
    base::outcome<void> start_exporter();
    base::outcome<void> take_ports(member_ports settled);
    void set_ready(bool ready, std::string not_ready_reason);
    [[nodiscard]] bool is_stopping() const { return is_stopping_ || must_restart_; }

    member_plan plan_;
    deps deps_;
    member_state state_;
    std::unique_ptr<process> server_;
    std::unique_ptr<process> exporter_;
    std::unique_ptr<builtin_exporter> builtin_exporter_;
    bool must_restart_ = false;
    bool is_stopping_ = false;
    int failed_probes_ = 0;
    base::steady_time kill_at_ = base::steady_time::max();
    base::steady_time last_response_{};
};

}  // namespace runtime
