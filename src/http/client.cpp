#include "http/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/fields.hpp>
#include <deque>
#include <limits>
#include <span>
#include <utility>

#include "aio/deadline.hpp"
#include "aio/semaphore.hpp"
#include "base/ascii.hpp"
#include "http/gzip.hpp"
#include "http/transport.hpp"

namespace http {
namespace {

namespace beast_http = boost::beast::http;
using base::errc;
using base::fail;
using boost::system::error_code;

// Beast's parser with our storage: the status, the headers and the body bytes not yet taken.
class response_parser final : public beast_http::basic_parser<false> {
  public:
    unsigned status = 0;
    http::headers headers;
    std::string body;

  private:
    using text = boost::beast::string_view;
    void on_request_impl(beast_http::verb, text, text, int, error_code&) override {}
    void on_response_impl(int code, text, int, error_code&) override {
        status = static_cast<unsigned>(code);
        headers = {};
    }
    void on_field_impl(beast_http::field, text name, text value, error_code&) override {
        headers.add(std::string(name), std::string(value));
    }
    void on_header_impl(error_code&) override {}
    // An announced length within the limit of the caller is allocated at once, up to 1 MiB.
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        constexpr std::uint64_t reserved_max = 1024 * 1024;
        if (length && *length <= reserved_max) body.reserve(static_cast<std::size_t>(*length));
    }
    std::size_t on_body_impl(text bytes, error_code&) override {
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, text bytes, error_code&) override {
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_code&) override {}
};

struct pooled {
    std::unique_ptr<http::transport> transport;
    base::steady_time idle_since{};
};

// Reads one response from one connection.
class response_reader {
  public:
    response_reader(std::unique_ptr<http::transport> source, bool is_head_response,
                    std::size_t body_max)
        : transport_(std::move(source)), body_max_(body_max) {
        start_parser(is_head_response);
        is_head_ = is_head_response;
    }

    [[nodiscard]] response_parser& parser() noexcept { return *parser_; }
    [[nodiscard]] bool has_received_bytes() const noexcept { return has_received_bytes_; }
    [[nodiscard]] std::size_t body_max() const noexcept { return body_max_; }
    [[nodiscard]] std::unique_ptr<http::transport> release() noexcept {
        return std::move(transport_);
    }

    aio::task<> write(std::string_view head, std::string_view body) {
        return transport_->write(head, body);
    }

    // Reads until the header is complete. Skips interim 1xx responses.
    aio::task<> read_header() {
        while (true) {
            while (!parser_->is_header_done()) {
                auto result = co_await feed();
                if (!result) co_return result;
            }
            if (parser_->status < 100 || parser_->status >= 200) co_return base::ok();
            start_parser(is_head_);
            auto result = parse();
            if (!result) co_return result;
        }
    }

    // Reads until parser().body has bytes or the response is_done().
    aio::task<> read_some_body() {
        while (!parser_->is_done() && parser_->body.empty()) {
            auto result = co_await feed();
            if (!result) co_return result;
        }
        co_return base::ok();
    }
    aio::task<> read_whole_body() {
        while (!parser_->is_done()) {
            auto result = co_await feed();
            if (!result) co_return result;
        }
        co_return base::ok();
    }
    [[nodiscard]] bool is_done() const { return parser_->is_done(); }
    [[nodiscard]] bool can_be_kept() const {
        return parser_->is_done() && parser_->keep_alive() && pending_.empty();
    }

  private:
    void start_parser(bool is_head_response) {
        parser_ = std::make_unique<response_parser>();
        parser_->eager(true);
        parser_->skip(is_head_response);
        parser_->header_limit(64 * 1024);
        if (body_max_ == 0) {
            parser_->body_limit(boost::none);
        } else {
            parser_->body_limit(body_max_);
        }
    }

    aio::task<> feed() {
        constexpr std::size_t read_size = std::size_t{32} * 1024;
        const auto begin = pending_.size();
        pending_.resize_and_overwrite(begin + read_size, [](char*, std::size_t n) { return n; });
        auto size = co_await transport_->read(std::span(pending_).subspan(begin));
        pending_.resize(begin + size.value_or(0));
        if (!size) co_return base::pass(std::move(size));
        if (*size == 0) {
            error_code error;
            if (parser_->got_some()) parser_->put_eof(error);
            if (!parser_->is_done() || error) {
                co_return fail(errc::unavailable,
                               "the connection closed before the end of the response");
            }
            co_return base::ok();
        }
        has_received_bytes_ = true;
        co_return parse();
    }

    base::outcome<void> parse() {
        std::size_t begin = 0;
        auto result = parse_from(begin);
        pending_.erase(0, begin);
        return result;
    }
    // Parses pending_ from `begin`, and moves `begin` behind the parsed bytes.
    base::outcome<void> parse_from(std::size_t& begin) {
        while (begin < pending_.size() && !parser_->is_done()) {
            error_code error;
            const auto used = parser_->put(
                boost::asio::buffer(pending_.data() + begin, pending_.size() - begin), error);
            begin += used;
            if (error == beast_http::error::need_more) return {};
            if (error == beast_http::error::body_limit) {
                return fail(errc::limit, "the response body is too large");
            }
            if (error) return fail(errc::corrupt, "not an HTTP response: " + error.message());
            const bool interim = parser_->is_header_done() && parser_->status < 200;
            if (used == 0 || interim) return {};
        }
        return {};
    }

    std::unique_ptr<http::transport> transport_;
    std::unique_ptr<response_parser> parser_;
    std::size_t body_max_;
    std::string pending_;  // received, not parsed yet
    bool is_head_ = false;
    bool has_received_bytes_ = false;
};

class response_stream final : public stream_reader {
  public:
    response_stream(response_reader reader, std::shared_ptr<std::size_t> open)
        : reader_(std::move(reader)), open_(std::move(open)) {
        ++*open_;
    }
    ~response_stream() override { --*open_; }
    [[nodiscard]] unsigned status() const noexcept override { return reader_.parser().status; }
    [[nodiscard]] const http::headers& headers() const noexcept override {
        return reader_.parser().headers;
    }
    aio::task<std::string> read(std::chrono::milliseconds idle) override {
        if (reader_.parser().body.empty() && !reader_.is_done()) {
            auto result = co_await aio::with_deadline(std::chrono::steady_clock::now() + idle,
                                                      reader_.read_some_body());
            if (!result) co_return base::pass(std::move(result), "read the stream");
        }
        co_return std::exchange(reader_.parser().body, {});
    }

  private:
    mutable response_reader reader_;
    std::shared_ptr<std::size_t> open_;
};

class client_impl final : public client {
  public:
    client_impl(aio::executor executor, client_options options, std::shared_ptr<tls_setup> tls)
        : options_(std::move(options)),
          tls_(std::move(tls)),
          permits_(executor, options_.connections_max) {
        const bool is_default_port = options_.origin.port == (options_.origin.secure ? 443 : 80);
        const bool is_ipv6 = options_.origin.host.find(':') != std::string::npos;
        host_ = is_ipv6 ? "[" + options_.origin.host + "]" : options_.origin.host;
        if (!is_default_port) host_ += fmt::format(":{}", options_.origin.port);
    }

    aio::task<response> send(request outgoing, request_limits limits) override {
        bool may_have_been_sent = false;
        auto work = exchange(std::move(outgoing), limits, may_have_been_sent);
        auto result = limits.deadline == base::steady_time::max()
                          ? co_await std::move(work)
                          : co_await aio::with_deadline(limits.deadline, std::move(work));
        if (!result && !may_have_been_sent) result.error().set_cause(failure_cause::not_sent);
        co_return result;
    }

    aio::task<std::unique_ptr<stream_reader>> open(request outgoing,
                                                   request_limits limits) override {
        if (*streams_open_ >= options_.streams_max) {
            co_return fail(errc::limit, "too many open streams", failure_cause::not_sent);
        }
        auto work = open_stream(std::move(outgoing));
        if (limits.deadline == base::steady_time::max()) co_return co_await std::move(work);
        co_return co_await aio::with_deadline(limits.deadline, std::move(work));
    }

    base::outcome<void> use_tls(client_tls settings) override {
        if (tls_ == nullptr) return fail(errc::invalid, "the origin does not use TLS");
        auto setup = make_tls_setup(settings);
        if (!setup) return base::pass(std::move(setup));
        tls_ = std::move(*setup);
        idle_.clear();
        return {};
    }

  private:
    std::string head_of(const request& outgoing) const {
        std::string head;
        head.reserve(512);
        head += outgoing.verb == method::other ? std::string_view(outgoing.verb_text)
                                               : name(outgoing.verb);
        head += ' ';
        head += outgoing.target.empty() ? "/" : outgoing.target;
        head += " HTTP/1.1\r\nHost: ";
        head += host_;
        head += "\r\n";
        for (const auto& [key, value] : outgoing.headers.items()) {
            head += key;
            head += ": ";
            head += value;
            head += "\r\n";
        }
        const bool sends_body = !outgoing.body.empty() || outgoing.verb == method::post ||
                                outgoing.verb == method::put || outgoing.verb == method::patch;
        if (sends_body) {
            fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n",
                           outgoing.body.size());
        }
        head += "\r\n";
        return head;
    }

    std::unique_ptr<http::transport> take_idle() {
        const auto oldest = std::chrono::steady_clock::now() - options_.idle_timeout;
        while (!idle_.empty() && idle_.front().idle_since < oldest) idle_.pop_front();
        if (idle_.empty()) return nullptr;
        auto transport = std::move(idle_.back().transport);
        idle_.pop_back();
        return transport;
    }

    aio::task<std::unique_ptr<http::transport>> connect() {
        auto connected =
            co_await aio::with_deadline(std::chrono::steady_clock::now() + options_.connect_timeout,
                                        http::connect(options_.origin, tls_));
        if (!connected) connected.error().set_cause(failure_cause::not_sent);
        co_return connected;
    }

    aio::task<response> exchange(request outgoing, request_limits limits,
                                 bool& may_have_been_sent) {
        auto permit = co_await permits_.acquire();
        if (!permit) {
            co_return fail(errc::cancelled, "cancelled while waiting for a connection",
                           failure_cause::not_sent);
        }
        const auto head = head_of(outgoing);
        const auto body_max =
            limits.body_bytes_max == 0 ? options_.body_bytes_max : limits.body_bytes_max;
        auto transport = take_idle();
        while (true) {
            const bool reused = transport != nullptr;
            const auto used_tls = tls_;
            if (!reused) {
                auto connected = co_await connect();
                if (!connected) co_return base::pass(std::move(connected));
                transport = std::move(*connected);
            }
            may_have_been_sent = true;
            response_reader reading(std::move(transport), outgoing.verb == method::head, body_max);
            auto result = co_await exchange_once(reading, head, outgoing.body);
            if (result) co_return finish(reading, used_tls == tls_);
            const bool was_dead =
                reused && !reading.has_received_bytes() && result.error().code == errc::unavailable;
            if (!was_dead || !limits.replayable) co_return base::pass(std::move(result));
            may_have_been_sent = false;
            transport = nullptr;
            idle_.clear();  // the other pooled connections are as old
        }
    }

    static aio::task<> exchange_once(response_reader& reading, std::string_view head,
                                     std::string_view body) {
        auto written = co_await reading.write(head, body);
        if (!written) co_return written;
        auto result = co_await reading.read_header();
        if (!result) co_return result;
        co_return co_await reading.read_whole_body();
    }

    base::outcome<response> finish(response_reader& reading, bool is_current) {
        response result{.status = reading.parser().status,
                        .headers = std::move(reading.parser().headers)};
        auto text = std::move(reading.parser().body);
        if (is_current && reading.can_be_kept()) {
            idle_.push_back(
                {.transport = reading.release(), .idle_since = std::chrono::steady_clock::now()});
        }
        // Some servers compress without a request for it.
        const auto coding = base::lower(result.headers.get("Content-Encoding"));
        const bool is_compressed = coding == "gzip" || coding == "x-gzip";
        if (is_compressed && !text.empty()) {
            auto decompressed =
                gunzip(text, reading.body_max() == 0 ? std::numeric_limits<std::size_t>::max()
                                                     : reading.body_max());
            // The status of an error counts more than its body.
            constexpr unsigned first_error_status = 300;
            if (!decompressed && result.status < first_error_status) {
                return base::pass(std::move(decompressed), "response body");
            }
            if (decompressed) {
                text = std::move(*decompressed);
                result.headers.erase("Content-Encoding");
            }
        }
        result.body = http::body(std::move(text));
        return result;
    }

    aio::task<std::unique_ptr<stream_reader>> open_stream(request outgoing) {
        auto connected = co_await connect();
        if (!connected) co_return base::pass(std::move(connected));
        response_reader reading(std::move(*connected), false, 0);
        const auto head = head_of(outgoing);
        auto written = co_await reading.write(head, outgoing.body);
        if (!written) co_return base::pass(std::move(written));
        auto result = co_await reading.read_header();
        if (!result) co_return base::pass(std::move(result));
        co_return std::make_unique<response_stream>(std::move(reading), streams_open_);
    }

    client_options options_;
    std::shared_ptr<tls_setup> tls_;  // shared with connections in the handshake
    aio::semaphore permits_;          // concurrent exchanges
    std::string host_;
    std::deque<pooled> idle_;  // in the order of idle_since
    std::shared_ptr<std::size_t> streams_open_ = std::make_shared<std::size_t>(0);
};

}  // namespace

base::outcome<std::unique_ptr<client>> make_client(aio::executor executor, client_options options) {
    std::shared_ptr<tls_setup> tls;
    if (options.origin.secure) {
        if (!options.tls) return fail(errc::invalid, "an https origin requires TLS options");
        auto setup = make_tls_setup(*options.tls);
        if (!setup) return base::pass(std::move(setup));
        tls = std::move(*setup);
    }
    if (options.connections_max == 0) {
        return fail(errc::invalid, "connections_max must be at least 1");
    }
    return std::make_unique<client_impl>(std::move(executor), std::move(options), std::move(tls));
}

}  // namespace http
