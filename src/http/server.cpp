#include "http/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "http/connection.hpp"
#include "http/server_certificate.hpp"

namespace http {
namespace {

namespace asio = boost::asio;
using base::errc;
using boost::system::error_code;
using detail::tcp;

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr std::chrono::milliseconds sweep_period_max{250};
constexpr std::chrono::milliseconds sweep_period_min{5};
constexpr std::chrono::seconds abort_timeout{5};
constexpr std::uint64_t reject_responses_max =
    256;  // concurrent 503 responses above connections_max

std::chrono::milliseconds sweep_period(const server_options& options) {
    const auto shortest =
        std::min({options.header_timeout, options.body_timeout, options.idle_timeout,
                  options.write_timeout, options.first_request_timeout});
    return std::clamp(shortest / 4, sweep_period_min, sweep_period_max);
}

enum class sharing { none, port };

base::outcome<void> bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, sharing mode) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && mode == sharing::port) acceptor.set_option(reuse_port(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error && mode == sharing::port) acceptor.listen(4096, error);
    if (!error) acceptor.non_blocking(true, error);
    if (!error) return {};
    const auto code = error == asio::error::access_denied ? errc::denied : errc::unavailable;
    return base::fail(code,
                      fmt::format("cannot listen on {}:{}: {}", endpoint.address().to_string(),
                                  endpoint.port(), error.message()));
}

// The loops share their port with each other but must not share it with another program, because
// the kernel would split the connections between them. A bind without SO_REUSEPORT fails if any
// socket listens on the port.
base::outcome<void> check_free(const tcp::endpoint& endpoint) {
    asio::io_context context;
    tcp::acceptor probe(context);
    return bind(probe, endpoint, sharing::none);
}

// One thread with its loop, acceptor and connections.
class worker {
  public:
    worker(const server_options& options, detail::shared_counters& counters,
           const detail::server_certificate* certificate)
        : options_(options),
          certificate_(certificate),
          state_(std::make_shared<detail::loop_state>(options_)),
          acceptor_(context_),
          sweep_(context_) {
        state_->context = &context_;
        state_->counters = &counters;
    }

    base::outcome<std::uint16_t> listen(const tcp::endpoint& endpoint) {
        auto port = bind(acceptor_, endpoint, sharing::port);
        if (!port) return base::pass(std::move(port));
        return acceptor_.local_endpoint().port();
    }

    void start(const std::function<std::unique_ptr<handler>(aio::executor)>& make_handler) {
        state_->handler = make_handler(context_.get_executor());
        asio::co_spawn(context_, accept(), asio::detached);
        sweep();
        thread_ = std::thread([this] { context_.run(); });
    }

    [[nodiscard]] aio::executor executor() { return context_.get_executor(); }

    void add_to(server_counters& sum) const noexcept {
        sum.requests_total += state_->requests.get();
        sum.requests_in_flight += state_->in_flight.get();
        sum.streams_open += state_->streams.get();
    }

    void drain() {
        asio::post(context_, [this] {
            if (std::exchange(state_->is_draining, true)) return;
            serve_backlog();
            error_code ignored;
            acceptor_.close(ignored);
            for_each([](detail::connection& each) { each.drain(); });
            has_begun_to_drain_.store(true);
            state_->counters->notify_waiter();
        });
    }
    [[nodiscard]] bool has_begun_to_drain() const noexcept { return has_begun_to_drain_.load(); }
    void abort() {
        asio::post(context_, [this] { for_each([](detail::connection& each) { each.abort(); }); });
    }
    void end() {
        context_.stop();
        if (thread_.joinable()) thread_.join();
    }

  private:
    void for_each(const std::function<void(detail::connection&)>& act) {
        const std::vector<detail::connection*> all(state_->connections.begin(),
                                                   state_->connections.end());
        for (auto* each : all) {
            if (state_->connections.contains(each)) act(*each);
        }
    }

    void sweep() {
        sweep_.expires_after(sweep_period(options_));
        sweep_.async_wait([this](const error_code& error) {
            if (error) return;
            const auto now = std::chrono::steady_clock::now();
            for_each([now](detail::connection& each) { each.check_deadline(now); });
            sweep();
        });
    }

    asio::awaitable<void> accept() {
        while (acceptor_.is_open()) {
            error_code error;
            auto socket =
                co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
            if (!error) {
                serve(std::move(socket));
            } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
                       error == asio::error::no_buffer_space) {
                asio::steady_timer pause(context_, std::chrono::milliseconds(50));
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
            }
        }
    }

    // Serves the connections that the kernel has already accepted. A close would reset them.
    void serve_backlog() {
        error_code error;
        while (!error) {
            auto socket = acceptor_.accept(error);
            if (!error) serve(std::move(socket));
        }
    }

    void serve(tcp::socket socket) {
        auto& counters = *state_->counters;
        counters.total.fetch_add(1, std::memory_order_relaxed);
        const auto open = counters.open.fetch_add(1, std::memory_order_relaxed);
        if (open >= options_.connections_max) {
            // Sending a 503 also occupies a connection, so only reject_responses_max of the
            // rejected connections receive one.
            if (certificate_ == nullptr && open < options_.connections_max + reject_responses_max) {
                return detail::reject(state_, std::move(socket));
            }
            counters.remove_open();
        } else if (certificate_ != nullptr) {
            // The connection shares OpenSSL's part of the context.
            detail::serve_tls(state_, std::move(socket), *certificate_->context());
        } else {
            detail::serve_plain(state_, std::move(socket));
        }
    }

    server_options options_;
    const detail::server_certificate* certificate_;  // null without TLS
    asio::io_context context_{1};
    std::shared_ptr<detail::loop_state> state_;
    tcp::acceptor acceptor_;
    asio::steady_timer sweep_;
    std::atomic<bool> has_begun_to_drain_{false};
    std::thread thread_;
};

class server_impl final : public server {
  public:
    explicit server_impl(server_options options) : options_(std::move(options)) {}

    ~server_impl() override { stop(std::chrono::steady_clock::now()); }

    base::outcome<void> start(
        const std::function<std::unique_ptr<handler>(aio::executor)>& make_handler) {
        error_code error;
        const auto address = asio::ip::make_address(options_.address, error);
        if (error) {
            return base::fail(errc::invalid,
                              fmt::format("'{}' is not an IP address", options_.address));
        }
        if (options_.tls) {
            certificate_.emplace(*options_.tls);
            auto loaded = certificate_->load();
            if (!loaded) return base::pass(std::move(loaded));
        }
        port_ = options_.port;
        if (port_ != 0) {
            auto free = check_free({address, port_});
            if (!free) return free;
        }
        for (std::size_t index = 0; index < std::max<std::size_t>(1, options_.loops); ++index) {
            auto added = std::make_unique<worker>(options_, counters_,
                                                  certificate_ ? &*certificate_ : nullptr);
            auto port = added->listen({address, port_});
            if (!port) return base::pass(std::move(port));
            port_ = *port;
            workers_.push_back(std::move(added));
        }
        for (auto& each : workers_) each->start(make_handler);
        is_running_ = true;
        return {};
    }

    [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }

    [[nodiscard]] std::vector<aio::executor> executors() const override {
        std::vector<aio::executor> all;
        all.reserve(workers_.size());
        for (const auto& each : workers_) all.push_back(each->executor());
        return all;
    }

    void drain() override {
        for (auto& each : workers_) each->drain();
    }

    bool stop(base::steady_time deadline) override {
        if (!std::exchange(is_running_, false)) return true;
        drain();
        const bool is_clean = wait_until_empty(deadline);
        if (!is_clean) {
            for (auto& each : workers_) each->abort();
            wait_until_empty(std::chrono::steady_clock::now() + abort_timeout);
        }
        for (auto& each : workers_) each->end();
        return is_clean;
    }

    base::outcome<bool> reload_certificate() override {
        return certificate_ ? certificate_->load() : base::outcome<bool>(false);
    }

    [[nodiscard]] server_counters counters() const noexcept override {
        constexpr auto relaxed = std::memory_order_relaxed;
        server_counters sum{.connections_open = counters_.open.load(relaxed),
                            .connections_total = counters_.total.load(relaxed)};
        for (const auto& each : workers_) each->add_to(sum);
        return sum;
    }

  private:
    bool wait_until_empty(base::steady_time deadline) {
        return counters_.wait_until(deadline, [this] {
            const bool all_draining = std::ranges::all_of(
                workers_, [](const auto& each) { return each->has_begun_to_drain(); });
            return all_draining && counters_.open.load() <= counters_.lingering.load();
        });
    }

    server_options options_;
    detail::shared_counters counters_;
    std::optional<detail::server_certificate> certificate_;
    std::vector<std::unique_ptr<worker>> workers_;
    std::uint16_t port_ = 0;
    bool is_running_ = false;
};

}  // namespace

base::outcome<std::unique_ptr<server>> start_server(
    server_options options, std::function<std::unique_ptr<handler>(aio::executor)> make_handler) {
    auto instance = std::make_unique<server_impl>(std::move(options));
    auto started = instance->start(make_handler);
    if (!started) return base::pass(std::move(started));
    return instance;
}

}  // namespace http
