#include "devcluster/runtime/member.hpp"

#include <fmt/format.h>
#include <signal.h>

#include "aio/blocking.hpp"
#include "aio/deadline.hpp"
#include "devcluster/runtime/probe.hpp"

namespace runtime {
namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr auto start_probe_period = 100ms;
constexpr auto health_period = 5s;
constexpr auto start_patience = 120s;
constexpr auto stop_patience = 20s;

}  // namespace

void member::set_ready(bool ready, std::string trouble) {
    if (state_.is_ready == ready && state_.trouble == trouble) return;
    state_.is_ready = ready;
    state_.trouble = std::move(trouble);
    with_.on_change();
}

aio::task<bool> member::is_answering() {
    const auto port = plan_.port;
    const auto* of = &with_.of;
    co_return co_await aio::run_blocking<bool>(with_.pool, [port, of]() -> base::outcome<bool> {
        return of->is_ready(ask(port, of->probe_message, 1000ms));
    });
}

// From a started server to its end.
aio::task<> member::live(process& server) {
    const auto give_up = std::chrono::steady_clock::now() + start_patience;
    while (true) {
        if (std::chrono::steady_clock::now() >= kill_at_) server.signal(SIGKILL);
        const bool is_idle = state_.is_ready && !is_stopping_ && !is_asked_to_restart_;
        const auto period = is_idle ? std::chrono::milliseconds(health_period)
                                    : std::chrono::milliseconds(start_probe_period);
        auto ended =
            co_await aio::with_deadline(std::chrono::steady_clock::now() + period, server.ended());
        if (ended) {
            if (is_asked_to_restart_ || is_stopping_) co_return base::outcome<void>{};
            co_return base::fail(errc::unavailable,
                                 *ended < 0 ? fmt::format("killed by signal {}", -*ended)
                                            : fmt::format("ended with status {}", *ended));
        }
        if (ended.error().code != errc::timed_out) co_return base::pass(std::move(ended));
        if (is_stopping_ || is_asked_to_restart_) continue;
        auto answering = co_await is_answering();
        if (!answering) continue;
        if (*answering && !exporter_) {
            auto started = spawn(with_.of.exporter(plan_), with_.as);
            if (!started) {
                with_.on_event("Warning", "ExporterFailed", started.error().text);
            } else {
                exporter_ = std::move(*started);
            }
        }
        if (*answering) {
            set_ready(true, {});
        } else if (state_.is_ready) {
            with_.on_event("Warning", "Unhealthy", "the server does not answer on its port");
            set_ready(false, "the server does not answer on its port");
        } else if (std::chrono::steady_clock::now() > give_up) {
            server.signal(SIGKILL);
        }
    }
}

aio::task<> member::run() {
    aio::backoff waits({.first = 500ms, .most = 30s}, static_cast<std::uint64_t>(plan_.port));
    while (!is_stopping_) {
        is_asked_to_restart_ = false;
        kill_at_ = base::steady_time::max();
        auto ended = co_await with_.of.prepare(plan_, with_.as);
        if (ended) {
            auto started = spawn(with_.of.server(plan_), with_.as);
            if (!started) {
                ended = base::pass(std::move(started));
            } else {
                server_ = std::move(*started);
                state_.pid = server_->pid();
                const auto begun = std::chrono::steady_clock::now();
                ended = co_await live(*server_);
                if (std::chrono::steady_clock::now() - begun > 60s) waits.reset();
            }
        }
        set_ready(false, ended ? "restarting" : ended.error().text);
        if (exporter_) co_await exporter_->stop(SIGTERM, 2s);
        exporter_.reset();
        if (server_) co_await server_->stop(with_.of.stop_signal, stop_patience);
        server_.reset();
        state_.pid = 0;
        if (!ended && ended.error().code == errc::cancelled) co_return ended;
        if (ended || is_stopping_) continue;  // asked for
        ++state_.restarts;
        with_.log.warning("member_ended", {{"member", plan_.name}, {"detail", ended.error().text}});
        with_.on_event("Warning", "BackOff",
                       fmt::format("{} {}; it is started again", plan_.name, ended.error().text));
        with_.on_change();
        const auto until = std::chrono::steady_clock::now() + waits.next();
        while (!is_stopping_ && std::chrono::steady_clock::now() < until) {
            auto slept = co_await aio::sleep_for(start_probe_period);
            if (!slept) co_return slept;
        }
    }
    co_return base::outcome<void>{};
}

void member::restart() {
    is_asked_to_restart_ = true;
    set_ready(false, "restarting");
    kill_at_ = std::chrono::steady_clock::now() + stop_patience;
    if (server_) server_->signal(with_.of.stop_signal);
}

void member::stop() {
    is_stopping_ = true;
    kill_at_ = std::chrono::steady_clock::now() + stop_patience;
    if (exporter_) exporter_->signal(SIGTERM);
    if (server_) server_->signal(with_.of.stop_signal);
}

}  // namespace runtime
