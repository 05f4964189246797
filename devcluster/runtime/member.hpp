#pragma once
// One member of a database as a server and its exporter, kept running: prepared, started, probed,
// restarted with growing waits when it dies, stopped when asked. One loop.

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
    std::string trouble;  // why it is not ready; empty when it is
    pid_t pid = 0;
};

class member {
  public:
    struct parts {
        const engine& of;
        run_user as;
        aio::blocking_pool& pool;
        port_registry& ports;
        obs::log& log;
        // type, reason and message of a Kubernetes event; called on the loop
        std::function<void(std::string type, std::string reason, std::string message)> on_event;
        std::function<void()> on_change;  // of state() or of the ports in plan()
    };
    member(member_plan plan, parts with) : plan_(std::move(plan)), deps_(std::move(with)) {}
    ~member() { deps_.ports.release(plan_.folder); }
    member(const member&) = delete;
    member& operator=(const member&) = delete;

    // Until stop() (or cancelled, which is less kind); both processes are stopped before it ends.
    // The plan's ports are settled at each start: the remembered ones as long as nobody has taken
    // them; the exporter's once more before each of its starts.
    aio::task<> run();
    [[nodiscard]] const member_state& state() const noexcept { return state_; }
    [[nodiscard]] const member_plan& plan() const noexcept { return plan_; }
    // Takes effect with the next start.
    void change(member_plan plan) { plan_ = std::move(plan); }
    // Stops the server; it is started again with the plan that is then in force.
    void restart();
    void stop();

  private:
    enum class answer { none, not_ready, ready, cut_off };
    aio::task<> start_and_live();
    aio::task<> live(process& server);
    aio::task<answer> ask_server();
    aio::task<> settle();
    aio::task<> kill_leftovers();
    aio::task<> wait_before_restart(std::chrono::milliseconds wait);
    void on_probe_result(answer got);
    void ensure_exporter();
    base::outcome<void> start_exporter();
    base::outcome<void> take_ports(member_ports settled);
    void set_ready(bool ready, std::string trouble);
    [[nodiscard]] bool is_stopping() const { return is_stopping_ || is_asked_to_restart_; }

    member_plan plan_;
    parts deps_;
    member_state state_;
    std::unique_ptr<process> server_;
    std::unique_ptr<process> exporter_;
    std::unique_ptr<own_exporter> own_exporter_;
    bool is_asked_to_restart_ = false;
    bool is_stopping_ = false;
    int failed_probes_ = 0;
    base::steady_time kill_at_ = base::steady_time::max();
    base::steady_time silent_since_{};
};

}  // namespace runtime
