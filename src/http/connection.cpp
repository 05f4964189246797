#include "http/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "http/graceful_close.hpp"
#include "http/outgoing.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"

namespace http::detail {

using asio::awaitable;
using base::errc;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

namespace {

// Pipelined responses are written in one batch of up to this size.
constexpr std::size_t write_batch_bytes = 64 * 1024;
// Limits how long a client may send after the last response (graceful_close.hpp).
constexpr std::chrono::seconds linger_time{1};

// A state machine driven by completions. The fast path (read, handle_now, write) runs without a
// coroutine and usually without waiting for the socket. While a handler or a stream runs, one read
// stays pending to detect a disconnect, also with TLS and with pipelined requests.
template <class Stream>
class connection_of final : public connection,
                            public stream_writer,
                            public std::enable_shared_from_this<connection_of<Stream>> {
  public:
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

    connection_of(std::shared_ptr<loop_state> loop, Stream stream)
        : loop_(std::move(loop)),
          stream_(std::move(stream)),
          writer_(stream_),
          parser_({.header_bytes_max = loop_->options.header_bytes_max,
                   .target_bytes_max = loop_->options.target_bytes_max,
                   .body_bytes_max = loop_->options.body_bytes_max}),
          written_(*loop_->context, base::steady_time::max()) {
        loop_->connections.insert(this);
        error_code error;
        const auto peer = socket().remote_endpoint(error);
        if (!error) peer_ = fmt::format("{}:{}", peer.address().to_string(), peer.port());
        socket().set_option(tcp::no_delay(true), error);
    }

    ~connection_of() override {
        close_now();
        loop_->connections.erase(this);
        loop_->counters->remove_open();
    }

    void begin() {
        if constexpr (is_tls) {
            phase_ = phase::handshake;
            deadline_ = clock::now() + loop_->options.header_timeout;
            stream_.async_handshake(asio::ssl::stream_base::server,
                                    [self = this->shared_from_this()](const error_code& error) {
                                        if (error) return self->close_now();
                                        self->phase_ = phase::reading;
                                        self->advance();
                                    });
        } else {
            advance();
        }
    }

    void reject() {
        send_error(503, "too many connections");
        advance();
    }

    // ---- connection ------------------------------------------------------------------

    void check_deadline(base::steady_time now) override {
        if (now < deadline_) return;
        deadline_ = base::steady_time::max();
        const auto self = this->shared_from_this();
        const auto state = parser_.now();
        const bool is_mid_request = phase_ == phase::reading && !writer_.is_waiting() &&
                                    state != request_parser::state::start && !closes_after_write_;
        if (!is_mid_request) {
            if (writer_.is_waiting()) client_ = client_state::write_timed_out;
            return close_now();
        }
        send_error(408, state == request_parser::state::header
                            ? "the request header did not arrive within the timeout"
                            : "the request body did not arrive within the timeout");
        advance();
    }

    void drain() override {
        notify_end();
        if (!is_idle()) return;
        // The socket can hold a request that is not read yet. It gets a response.
        error_code error;
        if (socket().available(error) > 0 && !error) return;
        if (!has_request_) return expect_first_request();
        const auto self = this->shared_from_this();
        finish();
    }

    void abort() override {
        const auto self = this->shared_from_this();
        close_now();
    }

    // ---- stream_writer ---------------------------------------------------------------

    aio::task<> write(std::shared_ptr<const std::string> bytes) override {
        if (phase_ != phase::streaming || is_client_lost()) co_return write_failure();
        if (bytes->empty()) co_return base::ok();
        if (writer_.is_waiting())
            co_return base::fail(errc::internal, "concurrent writes to one stream");
        const auto size = bytes->size();
        writer_.queue().push_stream_bytes(std::move(bytes), response_stream_->is_chunked);
        if (!writer_.flush(*this)) {
            error_code cancelled;
            while (writer_.is_waiting() && !cancelled)
                co_await written_.async_wait(redirect(cancelled));
        }
        if (!writer_.is_empty() || phase_ != phase::streaming) {
            response_stream_->is_broken = true;  // in the middle of a chunk
            co_return write_failure();
        }
        response_stream_->bytes += size;
        co_return base::ok();
    }

    void on_end(std::move_only_function<void()> callback) override {
        end_callback_ = std::move(callback);
        if (is_client_lost() || loop_->is_draining) notify_end();
    }

    [[nodiscard]] bool is_draining() const noexcept override { return loop_->is_draining; }

    // ---- callbacks of the writer (outgoing.hpp) --------------------------------------

    // Restarts the timeout for each piece that the client reads.
    void on_write_waits() { deadline_ = clock::now() + loop_->options.write_timeout; }
    void on_written() {
        deadline_ = base::steady_time::max();
        if (phase_ == phase::streaming) {
            written_.cancel();
        } else {
            advance();
        }
    }
    void on_write_failed() { close_now(); }

  private:
    enum class phase : std::uint8_t { handshake, reading, handling, streaming, closing, closed };
    // Whether a response can still reach the client, and the cause if not.
    enum class client_state : std::uint8_t { connected, disconnected, write_timed_out };

    // The current request, as far as its response depends on it.
    struct request_state {
        bool keeps_alive = true;
        bool is_http_1_0 = false;
        bool is_head = false;
    };
    // A response with a stream, from its head in the queue to its end.
    struct stream_state {
        outgoing_response response;
        std::uint64_t bytes = 0;
        bool is_chunked = true;
        bool is_broken = false;  // a write ended within a chunk
    };

    static auto redirect(error_code& error) {
        return asio::redirect_error(asio::use_awaitable, error);
    }
    tcp::socket& socket() noexcept { return lowest(stream_); }

    [[nodiscard]] bool is_client_lost() const noexcept {
        return client_ != client_state::connected;
    }

    // Returns whether the connection is between two requests with nothing to write.
    [[nodiscard]] bool is_idle() const noexcept {
        return phase_ == phase::reading && !writer_.is_waiting() && writer_.is_empty() &&
               !queued_request_ && !response_stream_ && input_.content().empty() &&
               parser_.now() == request_parser::state::start;
    }

    // Processes input until more bytes are needed. A handler that ends immediately calls it
    // recursively.
    void advance() {
        if (std::exchange(is_advancing_, true)) return;
        while (phase_ == phase::reading && !writer_.is_waiting() && step()) {
        }
        is_advancing_ = false;
    }

    // Returns false if no further progress is possible now.
    bool step() {
        if (closes_after_write_ || queued_request_ || response_stream_) {
            if (!writer_.flush(*this)) return false;
            if (queued_request_) {
                begin_handler();
            } else if (response_stream_) {
                begin_stream();
            } else {
                finish();
            }
            return true;
        }
        if (!input_.content().empty()) input_.consume(parser_.feed(input_.content()));
        const auto state = parser_.now();
        if (state == request_parser::state::complete) {
            handle_request();
            const bool is_batch = writer_.queue().bytes() >= write_batch_bytes ||
                                  writer_.queue().count() >= loop_->options.pipelined_max;
            return !is_batch || writer_.flush(*this);
        }
        if (state == request_parser::state::rejected) {
            send_error(parser_.status(), parser_.detail());
            return true;
        }
        if (parser_.take_expect_continue())
            writer_.queue().push_text("HTTP/1.1 100 Continue\r\n\r\n");
        if (writer_.is_empty()) {
            wait_for_bytes(state);
        } else {
            flush_later();
        }
        return false;
    }

    // Writes when the loop has handled the requests that have arrived on other connections. The
    // first write wakes the client's thread, which costs more than a short request. The thread is
    // awake during the writes that follow at once.
    void flush_later() {
        if (std::exchange(is_flush_posted_, true)) return;
        deadline_ = base::steady_time::max();
        asio::post(*loop_->context, [self = this->shared_from_this()] {
            self->is_flush_posted_ = false;
            if (self->phase_ != phase::reading || self->writer_.is_waiting()) return;
            if (self->writer_.flush(*self)) self->advance();
        });
    }

    // ---- reading ---------------------------------------------------------------------

    void wait_for_bytes(request_parser::state state) {
        using enum request_parser::state;
        if (has_input_ended_) return finish();
        error_code error;
        const bool ends_when_idle = loop_->is_draining && has_request_;
        if (state == start && ends_when_idle && socket().available(error) == 0) return finish();
        const auto& options = loop_->options;
        if (state == start || state != waiting_for_) {
            const auto timeout = state == start    ? options.idle_timeout
                                 : state == header ? options.header_timeout
                                                   : options.body_timeout;
            read_deadline_ = clock::now() + timeout;
        }
        waiting_for_ = state;
        deadline_ = read_deadline_;
        if (state == start && loop_->is_draining && !has_request_) expect_first_request();
        read_more();
    }

    // The client of a new connection is about to send a request, so a close would lose it.
    void expect_first_request() {
        deadline_ = std::min(deadline_, clock::now() + loop_->options.first_request_timeout);
    }

    void read_more() {
        if (is_reading_ || has_input_ended_) return;
        const bool is_idle = phase_ == phase::reading && waiting_for_ == parser_start;
        const auto buffer = input_.prepare(is_idle);
        if (buffer.size() == 0) return;  // full of pipelined requests: read later
        is_reading_ = true;
        stream_.async_read_some(
            buffer, [self = this->shared_from_this()](const error_code& error, std::size_t size) {
                self->is_reading_ = false;
                self->on_bytes(error, size);
            });
    }

    void on_bytes(const error_code& error, std::size_t size) {
        input_.commit(size);
        if (error) has_input_ended_ = true;
        switch (phase_) {
            case phase::reading:
                return advance();
            case phase::handling:
            case phase::streaming:
                return error ? on_client_disconnect() : read_more();
            case phase::closing:
            case phase::handshake:
            case phase::closed:
                return;
        }
    }

    void notify_end() {
        if (auto callback = std::exchange(end_callback_, nullptr)) callback();
    }

    void on_client_disconnect() {
        if (!is_client_lost()) client_ = client_state::disconnected;
        notify_end();
        stop_.emit(asio::cancellation_type::terminal);
    }

    // ---- responding ------------------------------------------------------------------

    void handle_request() {
        request_ = {.keeps_alive = parser_.keeps_alive(), .is_http_1_0 = parser_.is_http_1_0()};
        auto incoming = parser_.take();
        has_request_ = true;
        waiting_for_ = request_parser::state::start;
        incoming.peer = peer_;
        incoming.secure = is_tls;
        request_.is_head = incoming.verb == method::head;
        loop_->requests.add(1);
        loop_->in_flight.add(1);
        auto now = loop_->handler->handle_now(incoming);
        if (now) return queue_response(std::move(*now));
        // Earlier responses of the pipeline must not wait for this one: step() writes them first.
        queued_request_.emplace(std::move(incoming));
    }

    [[nodiscard]] response_framing framing() {
        return {.head_only = request_.is_head,
                .close = !request_.keeps_alive,
                .is_http_1_0 = request_.is_http_1_0,
                .date_line = loop_->date_line()};
    }

    void queue_response(outgoing_response outgoing) {
        if (outgoing.close || loop_->is_draining) request_.keeps_alive = false;
        if (outgoing.stream && !has_no_body(outgoing.response.status)) {
            if (request_.is_http_1_0) request_.keeps_alive = false;
            writer_.queue().push_stream_head(outgoing.response.headers, outgoing.response.status,
                                             framing());
            response_stream_.emplace(
                stream_state{.response = std::move(outgoing), .is_chunked = !request_.is_http_1_0});
            return;
        }
        writer_.queue().push(std::move(outgoing), framing());
        loop_->in_flight.add(-1);
        if (!request_.keeps_alive) closes_after_write_ = true;
    }

    void send_error(unsigned status, std::string_view detail) {
        request_.keeps_alive = false;
        request_.is_head = false;
        writer_.queue().push(loop_->handler->error_response(status, detail), framing());
        closes_after_write_ = true;
    }

    template <class Result>
    static awaitable<Result> cancellable(awaitable<Result> work) {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_return co_await std::move(work);
    }

    void begin_handler() {
        phase_ = phase::handling;
        deadline_ = base::steady_time::max();
        auto incoming = std::move(*queued_request_);
        queued_request_.reset();
        asio::co_spawn(
            *loop_->context, cancellable(loop_->handler->handle(std::move(incoming))),
            asio::bind_cancellation_slot(
                stop_.slot(), [self = this->shared_from_this()](const std::exception_ptr& thrown,
                                                                outgoing_response outgoing) {
                    self->on_handled(thrown != nullptr, std::move(outgoing));
                }));
        watch_client();
    }

    void on_handled(bool has_thrown, outgoing_response outgoing) {
        if (phase_ != phase::handling) {  // closed while the handler ran
            loop_->in_flight.add(-1);
            if (outgoing.on_sent) outgoing.on_sent(outgoing.response.status, 0, false);
            return;
        }
        phase_ = phase::reading;
        if (has_thrown) outgoing = {.response = {.status = 500}, .close = true};
        queue_response(std::move(outgoing));
        advance();
    }

    // Keeps a read pending while a handler or a stream runs.
    void watch_client() {
        if (phase_ != phase::handling && phase_ != phase::streaming) return;
        if (has_input_ended_) return on_client_disconnect();
        read_more();
    }

    // ---- streams ---------------------------------------------------------------------

    void begin_stream() {
        if (request_.is_head) return end_stream(true);
        phase_ = phase::streaming;
        deadline_ = base::steady_time::max();
        loop_->streams.add(1);
        asio::co_spawn(
            *loop_->context, cancellable(response_stream_->response.stream(*this)),
            asio::bind_cancellation_slot(
                stop_.slot(), [self = this->shared_from_this()](const std::exception_ptr& thrown,
                                                                const base::outcome<void>& ended) {
                    self->loop_->streams.add(-1);
                    self->end_stream(!thrown && ended && !self->response_stream_->is_broken);
                }));
        watch_client();
    }

    void end_stream(bool is_complete) {
        loop_->in_flight.add(-1);
        end_callback_ = nullptr;
        // Moved out as a whole: the source can own objects that its coroutine used until the end.
        const auto ended = std::exchange(response_stream_, std::nullopt);
        const auto& on_sent = ended->response.on_sent;
        const auto status = ended->response.response.status;
        if (!is_complete || writer_.is_waiting() || is_client_lost() || phase_ == phase::closed) {
            if (on_sent) on_sent(status, ended->bytes, false);
            return close_now();  // without the last chunk, so that the client detects the failure
        }
        if (request_.is_head) {
            if (on_sent) on_sent(status, 0, true);
        } else {
            writer_.queue().push_stream_end({.status = status,
                                             .bytes = ended->bytes,
                                             .is_chunked = ended->is_chunked,
                                             .on_sent = on_sent});
        }
        phase_ = phase::reading;
        if (loop_->is_draining) request_.keeps_alive = false;
        if (!request_.keeps_alive) closes_after_write_ = true;
        advance();
    }

    [[nodiscard]] std::unexpected<base::failure> write_failure() const {
        if (client_ == client_state::write_timed_out)
            return base::fail(errc::timed_out, "the client does not read");
        if (phase_ == phase::streaming && !is_client_lost()) {
            return base::fail(errc::cancelled, "cancelled while writing");
        }
        if (loop_->is_draining) return base::fail(errc::cancelled, "the server is stopping");
        return base::fail(errc::unavailable, "the client disconnected");
    }

    // ---- closing ---------------------------------------------------------------------

    // Starts the close. After a last response, the rest of the input is read and dropped.
    void finish() {
        const bool must_drain_input = closes_after_write_ && !has_input_ended_;
        if (!is_tls && !must_drain_input) return close_now();
        phase_ = phase::closing;
        deadline_ = clock::now() + linger_time;
        loop_->counters->add_lingering();
        asio::co_spawn(
            *loop_->context, close_gracefully(stream_, must_drain_input),
            [self = this->shared_from_this()](const std::exception_ptr&) { self->close_now(); });
    }

    void close_now() {
        if (phase_ == phase::closed) return;
        if (phase_ == phase::closing) {
            loop_->counters->lingering.fetch_sub(1, std::memory_order_relaxed);
        }
        const bool has_work = phase_ == phase::handling || phase_ == phase::streaming;
        const bool has_stream_to_begin = phase_ != phase::streaming && response_stream_.has_value();
        phase_ = phase::closed;
        deadline_ = base::steady_time::max();
        error_code ignored;
        socket().close(ignored);
        writer_.abandon();
        written_.cancel();
        if (queued_request_ || has_stream_to_begin) loop_->in_flight.add(-1);
        queued_request_.reset();
        if (has_stream_to_begin) {
            const auto unsent = std::exchange(response_stream_, std::nullopt);
            const auto& outgoing = unsent->response;
            if (outgoing.on_sent) outgoing.on_sent(outgoing.response.status, 0, false);
        }
        if (has_work) on_client_disconnect();
    }

    static constexpr auto parser_start = request_parser::state::start;

    std::shared_ptr<loop_state> loop_;  // shared by the worker and its connections
    Stream stream_;
    outgoing<Stream> writer_;
    request_parser parser_;
    read_buffer input_;
    std::string peer_;
    std::move_only_function<void()> end_callback_;  // may be empty
    asio::steady_timer written_;                    // cancelled when the stream's bytes are written
    asio::cancellation_signal stop_;
    std::optional<request> queued_request_;  // until the earlier responses are written
    std::optional<stream_state> response_stream_;
    request_state request_;
    base::steady_time deadline_ = base::steady_time::max();
    base::steady_time read_deadline_ = base::steady_time::max();
    request_parser::state waiting_for_ = request_parser::state::start;
    phase phase_ = phase::reading;
    client_state client_ = client_state::connected;
    bool has_request_ = false;  // ever
    bool is_advancing_ = false;
    bool is_reading_ = false;
    bool is_flush_posted_ = false;
    bool has_input_ended_ = false;
    bool closes_after_write_ = false;  // close when the queue is empty
};

}  // namespace

void serve_plain(std::shared_ptr<loop_state> loop, tcp::socket socket) {
    std::make_shared<connection_of<tcp::socket>>(std::move(loop), std::move(socket))->begin();
}

void serve_tls(std::shared_ptr<loop_state> loop, tcp::socket socket, asio::ssl::context& tls) {
    std::make_shared<connection_of<tls_stream>>(std::move(loop), tls_stream(std::move(socket), tls))
        ->begin();
}

void reject(std::shared_ptr<loop_state> loop, tcp::socket socket) {
    std::make_shared<connection_of<tcp::socket>>(std::move(loop), std::move(socket))->reject();
}

}  // namespace http::detail
