#include "devcluster/runtime/member.hpp"

#include <fmt/format.h>
#include <signal.h>

#include "aio/blocking.hpp"
#include "aio/deadline.hpp"
#include "devcluster/runtime/readiness_check.hpp"

namespace runtime {
namespace {

using namespace std::chrono_literals;
using base::errc;
using std::chrono::steady_clock;

constexpr auto probe_period = 100ms;  // while not ready
constexpr auto health_period = 5s;    // while ready
constexpr auto probe_timeout = 3000ms;
constexpr int failed_probes_max = 2;  // consecutive failures before a ready member becomes unready
constexpr auto silence_max = 120s;    // a server without a response for this time is killed
constexpr auto stop_timeout = 20s;
constexpr auto exporter_timeout = 2s;
constexpr auto leftover_timeout = 10s;
constexpr auto stable_after = 60s;  // resets the restart backoff

}  // namespace

void member::set_ready(bool ready, std::string not_ready_reason) {
    if (state_.is_ready == ready && state_.not_ready_reason == not_ready_reason) return;
    state_.is_ready = ready;
    state_.not_ready_reason = std::move(not_ready_reason);
    deps_.on_change();
}

aio::task<member::probe_result> member::probe_server() {
    const auto* engine_of_member = &deps_.engine;
    co_return co_await aio::run_blocking<probe_result>(
        deps_.pool, [engine_of_member, plan = plan_]() -> base::outcome<probe_result> {
            bound_log(plan.folder + "/server.log");
            bound_log(plan.folder + "/exporter.log");
            if (engine_of_member->is_cut_off != nullptr && engine_of_member->is_cut_off(plan))
                return probe_result::cut_off;
            const auto is_enough = [&](std::string_view response) {
                return engine_of_member->is_ready(plan, response);
            };
            const auto response =
                query(plan.port, engine_of_member->question(plan), probe_timeout, is_enough);
            if (response.empty()) return probe_result::none;
            return is_enough(response) ? probe_result::ready : probe_result::not_ready;
        });
}

void member::on_probe_result(probe_result result) {
    const auto now = steady_clock::now();
    if (result != probe_result::none) last_response_ = now;
    if (result == probe_result::ready) {
        failed_probes_ = 0;
        set_ready(true, {});
        return;
    }
    if (result == probe_result::cut_off) {
        deps_.on_event("Warning", "CutOff",
                       fmt::format("{}: the primary no longer has the changes that the follower "
                                   "missed; copying the data again",
                                   plan_.name));
        return restart();
    }
    const auto* not_ready_reason = result == probe_result::none
                                       ? "the server does not respond on its port"
                                       : "the server responds but is not ready";
    if (!state_.is_ready) {
        set_ready(false, not_ready_reason);
        if (now - last_response_ > silence_max && server_) server_->signal(SIGKILL);
    } else if (++failed_probes_ >= failed_probes_max) {
        deps_.on_event("Warning", "Unhealthy", fmt::format("{}: {}", plan_.name, not_ready_reason));
        set_ready(false, not_ready_reason);
    }
}

// Starts the exporter after the server was ready once, and keeps it running when the server fails,
// because the exporter reports that the server is down.
void member::ensure_exporter() {
    if (builtin_exporter_ || (exporter_ && exporter_->is_alive())) return;
    if (!exporter_ && !state_.is_ready) return;
    if (exporter_) {
        deps_.on_event("Warning", "ExporterEnded",
                       fmt::format("{}: the exporter has ended; restarting it", plan_.name));
        exporter_.reset();
    }
    const auto started = start_exporter();
    if (!started) deps_.on_event("Warning", "ExporterFailed", started.error().text);
}

base::outcome<void> member::start_exporter() {
    // Another program may have taken the port; its response must not be mistaken for the
    // exporter's.
    if (!is_port_free(plan_.exporter_port)) {
        auto moved = take_ports(deps_.ports.settle_exporter(plan_.folder));
        if (!moved) return moved;
    }
    if (deps_.engine.exporter == nullptr) {
        auto created = deps_.engine.start_builtin_exporter(plan_);
        if (!created) return base::pass(std::move(created));
        builtin_exporter_ = std::move(*created);
    } else {
        auto created = spawn(deps_.engine.exporter(plan_), deps_.as);
        if (!created) return base::pass(std::move(created));
        exporter_ = std::move(*created);
    }
    return {};
}

// Probes a started server until its end.
aio::task<> member::supervise(process& server) {
    last_response_ = steady_clock::now();
    failed_probes_ = 0;
    int stop_attempts = 0;
    while (true) {
        if (steady_clock::now() >= kill_at_) server.signal(SIGKILL);
        // Redis ignores the signal while it writes its first append-only file, so repeat it.
        if (is_stopping() && ++stop_attempts % 5 == 0) server.signal(deps_.engine.stop_signal);
        const bool is_healthy = state_.is_ready && failed_probes_ == 0 && !is_stopping();
        const auto period = is_healthy ? std::chrono::milliseconds(health_period) : probe_period;
        auto ended = co_await aio::with_deadline(steady_clock::now() + period, server.ended());
        if (ended && is_stopping()) co_return base::ok();
        if (ended) {
            co_return base::fail(errc::unavailable,
                                 *ended < 0 ? fmt::format("killed by signal {}", -*ended)
                                            : fmt::format("ended with status {}", *ended));
        }
        if (ended.error().code != errc::timed_out) co_return base::pass(std::move(ended));
        if (is_stopping()) continue;
        auto result = co_await probe_server();
        if (is_stopping() || !result) continue;  // a full pool is not a failed probe
        on_probe_result(*result);
        ensure_exporter();
    }
}

// Processes of the last run may hold the ports for a moment, so wait up to 2 s for them.
aio::task<> member::settle_ports() {
    for (int turn = 0; turn < 20 && !is_stopping_; ++turn) {
        const auto known = remembered_ports(plan_.folder);
        if (is_port_free(known.server) && is_port_free(known.exporter)) break;
        if (known.server == 0 || known.exporter == 0) break;
        auto slept = co_await aio::sleep_for(probe_period);
        if (!slept) co_return slept;
    }
    co_return take_ports(deps_.ports.settle(plan_.folder));
}

base::outcome<void> member::take_ports(member_ports settled) {
    if (settled.server == 0 || settled.exporter == 0) {
        return base::fail(errc::unavailable, "no free port");
    }
    if (settled.server != plan_.port || settled.exporter != plan_.exporter_port) {
        plan_.port = settled.server;
        plan_.exporter_port = settled.exporter;
        deps_.on_change();
    }
    return {};
}

// Kills processes of an earlier server. PostgreSQL's backends are separate sessions: they continue
// after their server was killed and hold its shared memory, which prevents a start. No other
// program uses the folder.
aio::task<> member::kill_leftovers() {
    const auto deadline = steady_clock::now() + leftover_timeout;
    while (true) {
        auto left = co_await aio::run_blocking<std::size_t>(
            deps_.pool,
            [folder = work_folder{deps_.engine.server(plan_).program, plan_.folder + "/data"},
             as = deps_.as]() -> base::outcome<std::size_t> { return kill_processes(folder, as); });
        if (!left) co_return base::pass(std::move(left));
        if (*left == 0) co_return base::ok();
        if (steady_clock::now() > deadline) {
            co_return base::fail(errc::unavailable, "processes of the last run do not end");
        }
        auto slept = co_await aio::sleep_for(std::chrono::milliseconds(20));
        if (!slept) co_return slept;
    }
}

aio::task<> member::start_and_supervise() {
    auto ready = co_await kill_leftovers();
    if (!ready) co_return ready;
    ready = co_await settle_ports();
    if (!ready) co_return ready;
    ready = co_await deps_.engine.prepare(plan_, deps_.as, is_stopping_);
    if (!ready || is_stopping()) co_return ready;
    auto started = spawn(deps_.engine.server(plan_), deps_.as);
    if (!started) co_return base::pass(std::move(started));
    server_ = std::move(*started);
    state_.pid = server_->pid();
    co_return co_await supervise(*server_);
}

aio::task<> member::wait_before_restart(std::chrono::milliseconds wait) {
    const auto until = steady_clock::now() + wait;
    while (!is_stopping() && steady_clock::now() < until) {
        auto slept = co_await aio::sleep_for(probe_period);
        if (!slept) co_return slept;
    }
    co_return base::ok();
}

aio::task<> member::run() {
    aio::backoff waits({.first = 500ms, .max = 30s}, static_cast<std::uint64_t>(plan_.port) + 1);
    while (!is_stopping_) {
        must_restart_ = false;
        kill_at_ = base::steady_time::max();
        const auto start_time = steady_clock::now();
        const auto ended = co_await start_and_supervise();
        if (steady_clock::now() - start_time > stable_after) waits.reset();
        set_ready(false, ended || is_stopping() ? "restarting" : ended.error().text);
        builtin_exporter_.reset();
        if (exporter_) co_await exporter_->stop(SIGTERM, exporter_timeout);
        exporter_.reset();
        if (server_) co_await server_->stop(deps_.engine.stop_signal, stop_timeout);
        server_.reset();
        state_.pid = 0;
        co_await kill_leftovers();
        if (is_stopping()) continue;
        if (ended.error().code == errc::cancelled) co_return ended;
        ++state_.restarts;
        deps_.log.warning("member_ended", {{"member", plan_.name}, {"detail", ended.error().text}});
        deps_.on_event("Warning", "BackOff",
                       fmt::format("{} {}; restarting it", plan_.name, ended.error().text));
        deps_.on_change();
        auto waited = co_await wait_before_restart(waits.next());
        if (!waited) co_return waited;
    }
    co_return base::ok();
}

void member::restart() {
    must_restart_ = true;
    set_ready(false, "restarting");
    kill_at_ = steady_clock::now() + stop_timeout;
    if (server_) server_->signal(deps_.engine.stop_signal);
}

void member::stop() {
    is_stopping_ = true;
    kill_at_ = steady_clock::now() + stop_timeout;
    if (exporter_) exporter_->signal(SIGTERM);
    if (server_) server_->signal(deps_.engine.stop_signal);
}

}  // namespace runtime
