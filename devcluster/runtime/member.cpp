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

constexpr auto probe_period = 100ms;  // while it is not ready
constexpr auto health_period = 5s;    // while it is
constexpr auto probe_patience = 3000ms;
constexpr int failed_probes_max = 2;  // until a ready one is not
constexpr auto silence_max = 120s;    // until one that says nothing is killed
constexpr auto stop_patience = 20s;
constexpr auto exporter_patience = 2s;
constexpr auto leftover_patience = 10s;
constexpr auto stable_after = 60s;  // waits between restarts begin anew

}  // namespace

void member::set_ready(bool ready, std::string trouble) {
    if (state_.is_ready == ready && state_.trouble == trouble) return;
    state_.is_ready = ready;
    state_.trouble = std::move(trouble);
    deps_.on_change();
}

aio::task<member::answer> member::ask_server() {
    const auto* of = &deps_.of;
    co_return co_await aio::run_blocking<answer>(
        deps_.pool, [of, plan = plan_]() -> base::outcome<answer> {
            bound_log(plan.folder + "/server.log");
            bound_log(plan.folder + "/exporter.log");
            if (of->is_cut_off != nullptr && of->is_cut_off(plan)) return answer::cut_off;
            const auto is_enough = [&](std::string_view reply) {
                return of->is_ready(plan, reply);
            };
            const auto reply = ask(plan.port, of->question(plan), probe_patience, is_enough);
            if (reply.empty()) return answer::none;
            return is_enough(reply) ? answer::ready : answer::not_ready;
        });
}

void member::on_probe_result(answer got) {
    const auto now = steady_clock::now();
    if (got != answer::none) silent_since_ = now;
    if (got == answer::ready) {
        failed_probes_ = 0;
        set_ready(true, {});
        return;
    }
    if (got == answer::cut_off) {
        deps_.on_event(
            "Warning", "CutOff",
            fmt::format("{}: the primary no longer has what it missed; it is copied anew",
                        plan_.name));
        return restart();
    }
    const auto* trouble = got == answer::none ? "the server does not answer on its port"
                                              : "the server answers, but is not ready";
    if (!state_.is_ready) {
        set_ready(false, trouble);
        if (now - silent_since_ > silence_max && server_) server_->signal(SIGKILL);
    } else if (++failed_probes_ >= failed_probes_max) {
        deps_.on_event("Warning", "Unhealthy", fmt::format("{}: {}", plan_.name, trouble));
        set_ready(false, trouble);
    }
}

// The exporter runs beside a server that has been ready once, whatever the server does then: it is
// the one to tell that the server is down.
void member::ensure_exporter() {
    if (own_exporter_ || (exporter_ && exporter_->is_alive())) return;
    if (!exporter_ && !state_.is_ready) return;
    if (exporter_) {
        deps_.on_event("Warning", "ExporterEnded",
                       fmt::format("{}: the exporter has ended; it is started again", plan_.name));
        exporter_.reset();
    }
    const auto started = start_exporter();
    if (!started) deps_.on_event("Warning", "ExporterFailed", started.error().text);
}

base::outcome<void> member::start_exporter() {
    // Somebody else may listen there by now: his page must not pass for ours.
    if (!is_port_free(plan_.exporter_port)) {
        auto moved = take_ports(deps_.ports.settle_exporter(plan_.folder));
        if (!moved) return moved;
    }
    if (deps_.of.exporter == nullptr) {
        auto made = deps_.of.start_own_exporter(plan_);
        if (!made) return base::pass(std::move(made));
        own_exporter_ = std::move(*made);
    } else {
        auto made = spawn(deps_.of.exporter(plan_), deps_.as);
        if (!made) return base::pass(std::move(made));
        exporter_ = std::move(*made);
    }
    return {};
}

// From a started server to its end.
aio::task<> member::live(process& server) {
    silent_since_ = steady_clock::now();
    failed_probes_ = 0;
    for (int turns_of_leaving = 0; true;) {
        if (steady_clock::now() >= kill_at_) server.signal(SIGKILL);
        // Redis refuses to end while it writes its first append-only file: it is asked again.
        if (is_stopping() && ++turns_of_leaving % 5 == 0) server.signal(deps_.of.stop_signal);
        const bool is_calm = state_.is_ready && failed_probes_ == 0 && !is_stopping();
        const auto period = is_calm ? std::chrono::milliseconds(health_period) : probe_period;
        auto ended = co_await aio::with_deadline(steady_clock::now() + period, server.ended());
        if (ended && is_stopping()) co_return base::ok();
        if (ended) {
            co_return base::fail(errc::unavailable,
                                 *ended < 0 ? fmt::format("killed by signal {}", -*ended)
                                            : fmt::format("ended with status {}", *ended));
        }
        if (ended.error().code != errc::timed_out) co_return base::pass(std::move(ended));
        if (is_stopping()) continue;
        auto got = co_await ask_server();
        if (is_stopping() || !got) continue;  // a full pool says nothing about the server
        on_probe_result(*got);
        ensure_exporter();
    }
}

// A port that was ours may be held for a moment by what is left of the last run.
aio::task<> member::settle() {
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
        return base::fail(errc::unavailable, "there is no free port");
    }
    if (settled.server != plan_.port || settled.exporter != plan_.exporter_port) {
        plan_.port = settled.server;
        plan_.exporter_port = settled.exporter;
        deps_.on_change();
    }
    return {};
}

// What a killed server has left: PostgreSQL's backends are sessions of their own, go on with their
// queries and hold its shared memory, without which it does not start. The folder is ours alone.
aio::task<> member::kill_leftovers() {
    const auto give_up = steady_clock::now() + leftover_patience;
    while (true) {
        auto left = co_await aio::run_blocking<std::size_t>(
            deps_.pool,
            [at = place_of_work{deps_.of.server(plan_).program, plan_.folder + "/data"},
             as = deps_.as]() -> base::outcome<std::size_t> { return kill_processes(at, as); });
        if (!left) co_return base::pass(std::move(left));
        if (*left == 0) co_return base::ok();
        if (steady_clock::now() > give_up) {
            co_return base::fail(errc::unavailable, "processes of the last run do not end");
        }
        auto slept = co_await aio::sleep_for(std::chrono::milliseconds(20));
        if (!slept) co_return slept;
    }
}

aio::task<> member::start_and_live() {
    auto ready = co_await kill_leftovers();
    if (!ready) co_return ready;
    ready = co_await settle();
    if (!ready) co_return ready;
    ready = co_await deps_.of.prepare(plan_, deps_.as, is_stopping_);
    if (!ready || is_stopping()) co_return ready;
    auto started = spawn(deps_.of.server(plan_), deps_.as);
    if (!started) co_return base::pass(std::move(started));
    server_ = std::move(*started);
    state_.pid = server_->pid();
    co_return co_await live(*server_);
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
        is_asked_to_restart_ = false;
        kill_at_ = base::steady_time::max();
        const auto begun = steady_clock::now();
        const auto ended = co_await start_and_live();
        if (steady_clock::now() - begun > stable_after) waits.reset();
        set_ready(false, ended || is_stopping() ? "restarting" : ended.error().text);
        own_exporter_.reset();
        if (exporter_) co_await exporter_->stop(SIGTERM, exporter_patience);
        exporter_.reset();
        if (server_) co_await server_->stop(deps_.of.stop_signal, stop_patience);
        server_.reset();
        state_.pid = 0;
        co_await kill_leftovers();
        if (is_stopping()) continue;
        if (ended.error().code == errc::cancelled) co_return ended;
        ++state_.restarts;
        deps_.log.warning("member_ended", {{"member", plan_.name}, {"detail", ended.error().text}});
        deps_.on_event("Warning", "BackOff",
                       fmt::format("{} {}; it is started again", plan_.name, ended.error().text));
        deps_.on_change();
        auto waited = co_await wait_before_restart(waits.next());
        if (!waited) co_return waited;
    }
    co_return base::ok();
}

void member::restart() {
    is_asked_to_restart_ = true;
    set_ready(false, "restarting");
    kill_at_ = steady_clock::now() + stop_patience;
    if (server_) server_->signal(deps_.of.stop_signal);
}

void member::stop() {
    is_stopping_ = true;
    kill_at_ = steady_clock::now() + stop_patience;
    if (exporter_) exporter_->signal(SIGTERM);
    if (server_) server_->signal(deps_.of.stop_signal);
}

}  // namespace runtime
