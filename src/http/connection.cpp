#include "http/connection.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <ctime>
#include <utility>

#include "http/request_parser.hpp"

namespace http::detail {

using asio::awaitable;
using base::errc;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

std::string_view reason_phrase(unsigned status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

std::string_view loop_state::date_line() {
    const auto now = std::chrono::system_clock::now();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    if (second.count() != date_second_) {
        date_second_ = second.count();
        const std::time_t when = date_second_;
        std::tm parts{};
        gmtime_r(&when, &parts);
        std::array<char, 64> text{};
        const auto size =
            std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        date_.assign(text.data(), size);
    }
    return date_;
}

namespace {

constexpr std::size_t read_size = 16 * 1024;
// Answers to pipelined requests are written together up to this many bytes.
constexpr std::size_t write_batch_bytes = 64 * 1024;

tcp::socket& lowest(tcp::socket& stream) noexcept {
    return stream;
}
tcp::socket& lowest(asio::ssl::stream<tcp::socket>& stream) noexcept {
    return stream.next_layer();
}

bool has_no_body(unsigned status) noexcept {
    return status == 204 || status == 304 || status < 200;
}

template <class Stream>
class connection_of final : public connection,
                            public stream_writer,
                            public std::enable_shared_from_this<connection_of<Stream>> {
  public:
    connection_of(std::shared_ptr<loop_state> loop, Stream stream)
        : loop_(std::move(loop)),
          stream_(std::move(stream)),
          parser_({.header_bytes_max = loop_->options.header_bytes_max,
                   .target_bytes_max = loop_->options.target_bytes_max,
                   .body_bytes_max = loop_->options.body_bytes_max}),
          closed_(*loop_->context, base::steady_time::max()) {
        loop_->connections.insert(this);
        error_code error;
        const auto peer = lowest(stream_).remote_endpoint(error);
        if (!error) peer_ = fmt::format("{}:{}", peer.address().to_string(), peer.port());
        lowest(stream_).set_option(tcp::no_delay(true), error);
    }

    ~connection_of() override {
        loop_->connections.erase(this);
        loop_->counters->open.fetch_sub(1, std::memory_order_relaxed);
    }

    static awaitable<void> run(std::shared_ptr<connection_of> self) {
        co_await asio::this_coro::throw_if_cancelled(false);
        if (co_await self->open()) co_await self->serve();
        co_await self->close();
        self->tell_client_gone();
    }

    // ---- connection ------------------------------------------------------------------

    void check_deadline(base::steady_time now) override {
        if (now < deadline_) return;
        deadline_ = base::steady_time::max();
        timed_out_ = true;
        error_code ignored;
        lowest(stream_).cancel(ignored);
    }

    void drain() override {
        if (is_idle_) {
            // A request may have arrived that has not been read yet: it is answered.
            error_code error;
            if (lowest(stream_).available(error) == 0 || error) {
                is_ending_ = true;
                lowest(stream_).cancel(error);
            }
        }
        closed_.cancel();
    }

    void cut() override {
        is_ending_ = true;
        error_code ignored;
        lowest(stream_).close(ignored);
        tell_client_gone();
    }

    // ---- stream_writer ---------------------------------------------------------------

    aio::task<> write(std::shared_ptr<const std::string> bytes) override {
        if (is_client_gone_) co_return base::fail(errc::unavailable, "the client has gone");
        if (bytes->empty()) co_return base::outcome<void>{};
        const auto size_line = fmt::format("{:x}\r\n", bytes->size());
        std::array<asio::const_buffer, 3> parts{asio::buffer(size_line), asio::buffer(*bytes),
                                                asio::buffer("\r\n", 2)};
        error_code error;
        deadline_ = clock::now() + loop_->options.write_timeout;
        if (is_stream_chunked_) {
            co_await asio::async_write(stream_, parts, redirect(error));
        } else {
            co_await asio::async_write(stream_, asio::buffer(*bytes), redirect(error));
        }
        deadline_ = base::steady_time::max();
        if (!error) {
            stream_bytes_ += bytes->size();
            co_return base::outcome<void>{};
        }
        stream_failed_ = true;
        if (timed_out_) co_return base::fail(errc::timed_out, "the client does not read");
        co_return base::fail(errc::unavailable, "the client has gone");
    }

    aio::task<> closed() override {
        if (!is_client_gone_ && !loop_->is_draining) {
            error_code ignored;
            co_await closed_.async_wait(redirect(ignored));
        }
        co_return base::outcome<void>{};
    }

    [[nodiscard]] bool is_draining() const noexcept override { return loop_->is_draining; }

  private:
    struct queued_answer {
        std::string head;
        http::body body;
        bool without_body = false;
        unsigned status = 0;
        std::function<void(unsigned, std::uint64_t, bool)> on_sent;
    };

    static auto redirect(error_code& into) {
        return asio::redirect_error(asio::use_awaitable, into);
    }

    awaitable<bool> open() {
        if constexpr (!std::is_same_v<Stream, tcp::socket>) {
            error_code error;
            deadline_ = clock::now() + loop_->options.header_timeout;
            co_await stream_.async_handshake(asio::ssl::stream_base::server, redirect(error));
            deadline_ = base::steady_time::max();
            co_return !error;
        }
        co_return true;
    }

    awaitable<void> serve() {
        while (!is_ending_) {
            if (!co_await read_request()) break;
            auto incoming = parser_.take();
            waiting_for_ = request_parser::state::start;
            incoming.peer = peer_;
            incoming.secure = !std::is_same_v<Stream, tcp::socket>;
            keep_ = parser_.keeps_alive();
            is_1_0_ = parser_.is_http_1_0();
            loop_->counters->requests.fetch_add(1, std::memory_order_relaxed);
            loop_->counters->in_flight.fetch_add(1, std::memory_order_relaxed);
            const bool head_only = incoming.verb == method::head;
            auto now = loop_->handler->handle_now(incoming);
            if (!now) {
                // What is before it in the pipeline must not wait for it.
                if (!co_await flush()) {
                    loop_->counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
                    break;
                }
                now = co_await handle_slowly(std::move(incoming));
            }
            if (now->stream) {
                const bool went_on = co_await send_stream(std::move(*now), head_only);
                loop_->counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
                if (!went_on || !keep_) break;
                continue;
            }
            enqueue(std::move(*now), head_only);
            loop_->counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
            if (!keep_) break;
            const bool is_batch =
                queued_bytes_ >= write_batch_bytes || queue_.size() >= loop_->options.pipelined_max;
            if (is_batch && !co_await flush()) break;
        }
        co_await flush();
    }

    // True when a whole request is there. Writes what is queued before it waits for more bytes.
    awaitable<bool> read_request() {
        while (true) {
            if (used_ < filled_) {
                used_ += parser_.feed({buffer_.data() + used_, filled_ - used_});
            }
            const auto state = parser_.now();
            if (state == request_parser::state::complete) co_return true;
            if (state == request_parser::state::refused) {
                refuse(parser_.status(), parser_.why());
                co_return false;
            }
            if (parser_.take_expect_continue() && !co_await send_continue()) co_return false;
            if (!co_await flush()) co_return false;
            if (!co_await read_more(state)) co_return false;
        }
    }

    awaitable<bool> read_more(request_parser::state state) {
        using enum request_parser::state;
        const auto& how = loop_->options;
        is_idle_ = state == start;
        error_code error;
        if (is_idle_ && is_ending_) co_return false;
        if (is_idle_ && loop_->is_draining && lowest(stream_).available(error) == 0)
            co_return false;
        if (state != waiting_for_ || is_idle_) {
            waiting_for_ = state;
            deadline_ = clock::now() + (state == start    ? how.idle_timeout
                                        : state == header ? how.header_timeout
                                                          : how.body_timeout);
        } else {
            deadline_ = read_deadline_;
        }
        read_deadline_ = deadline_;
        if (buffer_.empty()) buffer_.resize(read_size);
        filled_ = co_await stream_.async_read_some(asio::buffer(buffer_), redirect(error));
        used_ = 0;
        is_idle_ = false;
        deadline_ = base::steady_time::max();
        if (!error) co_return true;
        filled_ = 0;
        if (std::exchange(timed_out_, false) && state != start) {
            refuse(408, state == header ? "the request header did not arrive in time"
                                        : "the request body did not arrive in time");
        }
        co_return false;
    }

    void refuse(unsigned status, std::string_view why) {
        keep_ = false;
        is_ending_ = true;
        must_linger_ = true;
        enqueue(loop_->handler->refuse(status, why), false);
    }

    awaitable<bool> send_continue() {
        if (!co_await flush()) co_return false;
        constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
        error_code error;
        deadline_ = clock::now() + loop_->options.write_timeout;
        co_await asio::async_write(stream_, asio::buffer(text), redirect(error));
        deadline_ = base::steady_time::max();
        co_return !error;
    }

    // Runs `work`; it is cancelled when the client goes away.
    template <class Result>
    awaitable<Result> until_client_gone(awaitable<Result> work) {
        asio::cancellation_signal stop;
        stop_work_ = &stop;
        watch_client();
        auto result =
            co_await asio::co_spawn(*loop_->context, cancellable(std::move(work)),
                                    asio::bind_cancellation_slot(stop.slot(), asio::use_awaitable));
        stop_work_ = nullptr;
        stop_watching();
        co_return result;
    }
    template <class Result>
    static awaitable<Result> cancellable(awaitable<Result> work) {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_return co_await std::move(work);
    }

    awaitable<answer> handle_slowly(request incoming) {
        co_return co_await until_client_gone(loop_->handler->handle(std::move(incoming)));
    }

    // Looks for the end of the connection while nothing is read from it.
    void watch_client() {
        if (is_client_gone_) return tell_client_gone();
        is_watching_ = true;
        lowest(stream_).async_wait(
            tcp::socket::wait_read, [self = this->shared_from_this()](const error_code& error) {
                if (!self->is_watching_) return;
                char byte = 0;
                const auto got = ::recv(lowest(self->stream_).native_handle(), &byte, 1,
                                        MSG_PEEK | MSG_DONTWAIT);
                if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || error) {
                    self->tell_client_gone();
                }
                // Bytes of a next request hide the end behind them: then only a write finds it.
            });
    }
    void stop_watching() {
        if (!std::exchange(is_watching_, false)) return;
        error_code ignored;
        lowest(stream_).cancel(ignored);
    }
    void tell_client_gone() {
        is_client_gone_ = true;
        closed_.cancel();
        if (stop_work_ != nullptr) {
            std::exchange(stop_work_, nullptr)->emit(asio::cancellation_type::terminal);
        }
    }

    // ---- answers ---------------------------------------------------------------------

    void write_head(std::string& into, const answer& from, std::optional<std::uint64_t> length) {
        const auto& response = from.response;
        fmt::format_to(std::back_inserter(into), "HTTP/1.1 {} {}\r\n", response.status,
                       reason_phrase(response.status));
        into += loop_->date_line();
        for (const auto& [name, value] : response.headers.items()) {
            into += name;
            into += ": ";
            into += value;
            into += "\r\n";
        }
        if (length) {
            if (!has_no_body(response.status)) {
                fmt::format_to(std::back_inserter(into), "Content-Length: {}\r\n", *length);
            }
        } else if (!is_1_0_) {
            into += "Transfer-Encoding: chunked\r\n";
        }
        if (!keep_) {
            into += "Connection: close\r\n";
        } else if (is_1_0_) {
            into += "Connection: keep-alive\r\n";
        }
        into += "\r\n";
    }

    void enqueue(answer from, bool head_only) {
        if (from.close || loop_->is_draining) keep_ = false;
        queued_answer next;
        next.head.reserve(384);
        next.status = from.response.status;
        next.without_body = head_only || has_no_body(next.status);
        write_head(next.head, from, from.response.body.size());
        next.body = std::move(from.response.body);
        next.on_sent = std::move(from.on_sent);
        queued_bytes_ += next.head.size() + (next.without_body ? 0 : next.body.size());
        queue_.push_back(std::move(next));
        if (!keep_) is_ending_ = true;
    }

    void gather() {
        buffers_.clear();
        const auto add = [this](std::string_view bytes) {
            if (!bytes.empty()) buffers_.push_back(asio::buffer(bytes.data(), bytes.size()));
        };
        for (const auto& each : queue_) {
            add(each.head);
            if (each.without_body) continue;
            const auto& body = each.body;
            add(body.before);
            if (body.shared) {
                const std::string_view shared = *body.shared;
                add(shared.substr(0, body.split_at));
                add(body.middle);
                add(shared.substr(body.split_at));
            }
            add(body.after);
        }
    }

    // Writes everything that is queued. False: the connection is of no more use.
    awaitable<bool> flush() {
        if (queue_.empty()) co_return true;
        gather();
        error_code error;
        deadline_ = clock::now() + loop_->options.write_timeout;
        co_await asio::async_write(stream_, buffers_, redirect(error));
        deadline_ = base::steady_time::max();
        for (auto& each : queue_) {
            if (each.on_sent) {
                each.on_sent(each.status, each.without_body ? 0 : each.body.size(), !error);
            }
        }
        queue_.clear();
        queued_bytes_ = 0;
        if (error) is_ending_ = true;
        co_return !error;
    }

    // False: the connection must be closed.
    awaitable<bool> send_stream(answer from, bool head_only) {
        const auto status = from.response.status;
        is_stream_chunked_ = !is_1_0_;
        if (from.close || loop_->is_draining || is_1_0_) keep_ = false;
        queued_answer head{.without_body = true, .status = status};
        write_head(head.head, from, std::nullopt);
        queue_.push_back(std::move(head));
        bool good = co_await flush();
        stream_bytes_ = 0;
        stream_failed_ = false;
        if (good && !head_only) {
            loop_->counters->streams.fetch_add(1, std::memory_order_relaxed);
            const auto ended = co_await until_client_gone(from.stream(*this));
            loop_->counters->streams.fetch_sub(1, std::memory_order_relaxed);
            good = ended.has_value() && !stream_failed_ && !is_client_gone_;
            if (good && is_stream_chunked_) good = co_await send_last_chunk();
        }
        if (from.on_sent) from.on_sent(status, stream_bytes_, good);
        if (loop_->is_draining) keep_ = false;
        if (!good) is_ending_ = true;
        co_return good;
    }

    awaitable<bool> send_last_chunk() {
        error_code error;
        deadline_ = clock::now() + loop_->options.write_timeout;
        co_await asio::async_write(stream_, asio::buffer("0\r\n\r\n", 5), redirect(error));
        deadline_ = base::steady_time::max();
        co_return !error;
    }

    // Says goodbye; after a refusal it takes in what the client still sends, for a while, because a
    // reset would destroy the answer on its way (RFC 9112 9.6).
    awaitable<void> close() {
        error_code error;
        auto& socket = lowest(stream_);
        if constexpr (!std::is_same_v<Stream, tcp::socket>) {
            if (socket.is_open() && !is_client_gone_) {
                deadline_ = clock::now() + std::chrono::seconds(1);
                co_await stream_.async_shutdown(redirect(error));
            }
        }
        if (socket.is_open()) socket.shutdown(tcp::socket::shutdown_send, error);
        if (must_linger_ && socket.is_open()) {
            deadline_ = clock::now() + std::chrono::seconds(1);
            std::size_t taken = 0;
            constexpr std::size_t most = 4 * 1024 * 1024;
            error.clear();
            while (!error && taken < most && !timed_out_) {
                taken += co_await socket.async_read_some(asio::buffer(buffer_), redirect(error));
            }
        }
        deadline_ = base::steady_time::max();
        socket.close(error);
    }

    std::shared_ptr<loop_state> loop_;
    Stream stream_;
    request_parser parser_;
    asio::steady_timer closed_;
    std::string peer_;
    std::vector<char> buffer_;
    std::size_t filled_ = 0;
    std::size_t used_ = 0;
    std::vector<queued_answer> queue_;
    std::size_t queued_bytes_ = 0;
    std::vector<asio::const_buffer> buffers_;
    base::steady_time deadline_ = base::steady_time::max();
    base::steady_time read_deadline_ = base::steady_time::max();
    request_parser::state waiting_for_ = request_parser::state::start;
    asio::cancellation_signal* stop_work_ = nullptr;
    std::uint64_t stream_bytes_ = 0;
    bool is_idle_ = false;
    bool is_ending_ = false;
    bool timed_out_ = false;
    bool keep_ = true;
    bool is_1_0_ = false;
    bool is_stream_chunked_ = true;
    bool stream_failed_ = false;
    bool is_watching_ = false;
    bool is_client_gone_ = false;
    bool must_linger_ = false;
};

template <class Stream>
void start(std::shared_ptr<loop_state> loop, Stream stream) {
    auto& context = *loop->context;
    auto made = std::make_shared<connection_of<Stream>>(std::move(loop), std::move(stream));
    asio::co_spawn(context, connection_of<Stream>::run(std::move(made)), asio::detached);
}

}  // namespace

void serve_plain(std::shared_ptr<loop_state> loop, tcp::socket socket) {
    start(std::move(loop), std::move(socket));
}

void serve_tls(std::shared_ptr<loop_state> loop, tcp::socket socket, asio::ssl::context& tls) {
    start(std::move(loop), asio::ssl::stream<tcp::socket>(std::move(socket), tls));
}

}  // namespace http::detail
