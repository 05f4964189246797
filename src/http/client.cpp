#include "http/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/fields.hpp>
#include <deque>
#include <list>
#include <utility>

#include "aio/deadline.hpp"
#include "http/gzip.hpp"
#include "http/transport.hpp"

namespace http {
namespace {

namespace beast_http = boost::beast::http;
using base::errc;
using base::fail;
using boost::system::error_code;

base::outcome<void> done() {
    return {};
}

// Beast's grammar with our storage: status, headers, and the body bytes that came since the last
// look.
class answer_parser final : public beast_http::basic_parser<false> {
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
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
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
    std::unique_ptr<detail::wire> wire;
    base::steady_time idle_since{};
};

// One answer being read from one connection.
class answer_reading {
  public:
    answer_reading(std::unique_ptr<detail::wire> from, bool is_head_answer, std::size_t body_max)
        : wire_(std::move(from)), body_max_(body_max) {
        start_parser(is_head_answer);
        is_head_ = is_head_answer;
    }

    [[nodiscard]] answer_parser& parser() noexcept { return *parser_; }
    [[nodiscard]] bool has_seen_bytes() const noexcept { return seen_bytes_; }
    [[nodiscard]] std::size_t body_max() const noexcept { return body_max_; }
    [[nodiscard]] std::unique_ptr<detail::wire> release() noexcept { return std::move(wire_); }

    aio::task<> write(std::string_view head, std::string_view body) {
        return wire_->write(head, body);
    }

    // Until the header is complete (an interim 1xx answer is passed over).
    aio::task<> read_header() {
        while (true) {
            while (!parser_->is_header_done()) {
                auto fed = co_await feed();
                if (!fed) co_return fed;
            }
            if (parser_->status < 100 || parser_->status >= 200) co_return done();
            start_parser(is_head_);
            auto fed = parse();
            if (!fed) co_return fed;
        }
    }

    // More body bytes in parser().body, or the end (is_done).
    aio::task<> read_some_body() {
        while (!parser_->is_done() && parser_->body.empty()) {
            auto fed = co_await feed();
            if (!fed) co_return fed;
        }
        co_return done();
    }
    aio::task<> read_whole_body() {
        while (!parser_->is_done()) {
            auto fed = co_await feed();
            if (!fed) co_return fed;
        }
        co_return done();
    }
    [[nodiscard]] bool is_done() const { return parser_->is_done(); }
    [[nodiscard]] bool can_be_kept() const {
        return parser_->is_done() && parser_->keep_alive() && pending_.empty();
    }

  private:
    void start_parser(bool is_head_answer) {
        parser_ = std::make_unique<answer_parser>();
        parser_->eager(true);
        parser_->skip(is_head_answer);
        parser_->header_limit(64 * 1024);
        if (body_max_ == 0) {
            parser_->body_limit(boost::none);
        } else {
            parser_->body_limit(body_max_);
        }
    }

    aio::task<> feed() {
        std::array<char, 32 * 1024> bytes;
        auto size = co_await wire_->read(bytes);
        if (!size) co_return base::pass(std::move(size));
        if (*size == 0) {
            error_code error;
            if (parser_->got_some()) parser_->put_eof(error);
            if (!parser_->is_done() || error) {
                co_return fail(errc::unavailable, "the connection ended before the answer did");
            }
            co_return done();
        }
        seen_bytes_ = true;
        pending_.append(bytes.data(), *size);
        co_return parse();
    }

    base::outcome<void> parse() {
        while (!pending_.empty() && !parser_->is_done()) {
            error_code error;
            const auto used = parser_->put(boost::asio::buffer(pending_), error);
            pending_.erase(0, used);
            if (error == beast_http::error::need_more) return {};
            if (error == beast_http::error::body_limit) {
                return fail(errc::limit, "the answer's body is too large");
            }
            if (error) return fail(errc::corrupt, "not an HTTP answer: " + error.message());
            const bool interim = parser_->is_header_done() && parser_->status < 200;
            if (used == 0 || interim) return {};
        }
        return {};
    }

    std::unique_ptr<detail::wire> wire_;
    std::unique_ptr<answer_parser> parser_;
    std::size_t body_max_;
    std::string pending_;
    bool is_head_ = false;
    bool seen_bytes_ = false;
};

// So many at once; others wait in order.
class slots {
  public:
    slots(aio::executor on, std::size_t most) : executor_(std::move(on)), free_(most) {}

    class slot {
      public:
        explicit slot(slots& owner) : owner_(&owner) {}
        slot(slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        slot& operator=(slot&&) = delete;
        ~slot() {
            if (owner_ != nullptr) owner_->give_back();
        }

      private:
        slots* owner_;
    };

    aio::task<slot> take() {
        if (free_ > 0 && waiting_.empty()) {
            --free_;
            co_return slot(*this);
        }
        const auto place = waiting_.emplace(waiting_.end(), executor_);
        auto woken = co_await place->called.wait();
        const bool has_slot = place->has_slot;
        waiting_.erase(place);
        if (has_slot) {
            slot mine(*this);
            if (woken) co_return mine;
        }
        co_return fail(errc::cancelled, "cancelled while waiting for a connection", "not_sent");
    }

  private:
    struct waiter {
        explicit waiter(const aio::executor& on) : called(on) {}
        aio::notification called;
        bool has_slot = false;
    };
    void give_back() {
        for (auto& each : waiting_) {
            if (std::exchange(each.has_slot, true)) continue;
            each.called.notify();
            return;
        }
        ++free_;
    }

    aio::executor executor_;
    std::size_t free_;
    std::list<waiter> waiting_;
};

class streaming_answer final : public stream_reader {
  public:
    streaming_answer(answer_reading from, std::shared_ptr<std::size_t> open)
        : from_(std::move(from)), open_(std::move(open)) {
        ++*open_;
    }
    ~streaming_answer() override { --*open_; }
    [[nodiscard]] unsigned status() const noexcept override { return from_.parser().status; }
    [[nodiscard]] const http::headers& headers() const noexcept override {
        return from_.parser().headers;
    }
    aio::task<std::string> read(std::chrono::milliseconds idle) override {
        if (from_.parser().body.empty() && !from_.is_done()) {
            auto got = co_await aio::with_deadline(std::chrono::steady_clock::now() + idle,
                                                   from_.read_some_body());
            if (!got) co_return base::pass(std::move(got), "read the stream");
        }
        co_return std::exchange(from_.parser().body, {});
    }

  private:
    mutable answer_reading from_;
    std::shared_ptr<std::size_t> open_;
};

class client_impl final : public client {
  public:
    client_impl(aio::executor on, client_options how, std::shared_ptr<detail::tls_setup> tls)
        : options_(std::move(how)), tls_(std::move(tls)), slots_(on, options_.connections_max) {
        const bool usual = options_.origin.port == (options_.origin.secure ? 443 : 80);
        const bool is_v6 = options_.origin.host.find(':') != std::string::npos;
        host_ = is_v6 ? "[" + options_.origin.host + "]" : options_.origin.host;
        if (!usual) host_ += fmt::format(":{}", options_.origin.port);
    }

    aio::task<response> send(request outgoing, request_limits limits) override {
        bool may_have_been_sent = false;
        auto work = exchange(std::move(outgoing), limits, may_have_been_sent);
        auto result = limits.deadline == base::steady_time::max()
                          ? co_await std::move(work)
                          : co_await aio::with_deadline(limits.deadline, std::move(work));
        if (!result && !may_have_been_sent) result.error().reason = "not_sent";
        co_return result;
    }

    aio::task<std::unique_ptr<stream_reader>> open(request outgoing,
                                                   request_limits limits) override {
        if (*streams_open_ >= options_.streams_max) {
            co_return fail(errc::limit, "too many open streams", "not_sent");
        }
        auto work = open_stream(std::move(outgoing));
        if (limits.deadline == base::steady_time::max()) co_return co_await std::move(work);
        co_return co_await aio::with_deadline(limits.deadline, std::move(work));
    }

    base::outcome<void> use_tls(client_tls how) override {
        if (tls_ == nullptr) return fail(errc::invalid, "a plain origin has no TLS");
        auto made = detail::make_tls_setup(how);
        if (!made) return base::pass(std::move(made));
        tls_ = std::move(*made);
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

    std::unique_ptr<detail::wire> take_idle() {
        const auto oldest = std::chrono::steady_clock::now() - options_.idle_timeout;
        std::erase_if(idle_, [&](const pooled& each) { return each.idle_since < oldest; });
        if (idle_.empty()) return nullptr;
        auto wire = std::move(idle_.back().wire);
        idle_.pop_back();
        return wire;
    }

    aio::task<std::unique_ptr<detail::wire>> connect() {
        auto made =
            co_await aio::with_deadline(std::chrono::steady_clock::now() + options_.connect_timeout,
                                        detail::connect(options_.origin, tls_));
        if (!made) made.error().reason = "not_sent";
        co_return made;
    }

    aio::task<response> exchange(request outgoing, request_limits limits,
                                 bool& may_have_been_sent) {
        auto slot = co_await slots_.take();
        if (!slot) co_return base::pass(std::move(slot));
        const auto head = head_of(outgoing);
        const auto body_max =
            limits.body_bytes_max == 0 ? options_.body_bytes_max : limits.body_bytes_max;
        auto wire = take_idle();
        while (true) {
            const bool reused = wire != nullptr;
            const auto made_for = tls_;
            if (!reused) {
                auto made = co_await connect();
                if (!made) co_return base::pass(std::move(made));
                wire = std::move(*made);
            }
            may_have_been_sent = true;
            answer_reading reading(std::move(wire), outgoing.verb == method::head, body_max);
            auto got = co_await converse(reading, head, outgoing.body);
            if (got) co_return finish(reading, outgoing, made_for == tls_);
            const bool was_dead =
                reused && !reading.has_seen_bytes() && got.error().code == errc::unavailable;
            if (!was_dead || !limits.replayable) co_return base::pass(std::move(got));
            may_have_been_sent = false;
            wire = nullptr;
            idle_.clear();  // its fellows are as old
        }
    }

    static aio::task<> converse(answer_reading& reading, std::string_view head,
                                std::string_view body) {
        auto written = co_await reading.write(head, body);
        if (!written) co_return written;
        auto got = co_await reading.read_header();
        if (!got) co_return got;
        co_return co_await reading.read_whole_body();
    }

    base::outcome<response> finish(answer_reading& reading, const request& outgoing,
                                   bool is_current) {
        response result{.status = reading.parser().status,
                        .headers = std::move(reading.parser().headers)};
        auto text = std::move(reading.parser().body);
        if (is_current && reading.can_be_kept()) {
            idle_.push_back(
                {.wire = reading.release(), .idle_since = std::chrono::steady_clock::now()});
        }
        const bool packed = result.headers.get("Content-Encoding") == "gzip" &&
                            outgoing.headers.has("Accept-Encoding");
        if (packed && !text.empty()) {
            auto plain = gunzip(text, reading.body_max());
            if (!plain) return base::pass(std::move(plain), "answer");
            text = std::move(*plain);
            result.headers.erase("Content-Encoding");
        }
        result.body = http::body(std::move(text));
        return result;
    }

    aio::task<std::unique_ptr<stream_reader>> open_stream(request outgoing) {
        auto made = co_await connect();
        if (!made) co_return base::pass(std::move(made));
        answer_reading reading(std::move(*made), false, 0);
        const auto head = head_of(outgoing);
        auto written = co_await reading.write(head, outgoing.body);
        if (!written) co_return base::pass(std::move(written));
        auto got = co_await reading.read_header();
        if (!got) co_return base::pass(std::move(got));
        co_return std::make_unique<streaming_answer>(std::move(reading), streams_open_);
    }

    client_options options_;
    std::shared_ptr<detail::tls_setup> tls_;  // owned also by connections that are being made
    slots slots_;
    std::string host_;
    std::vector<pooled> idle_;
    std::shared_ptr<std::size_t> streams_open_ = std::make_shared<std::size_t>(0);
};

}  // namespace

base::outcome<std::unique_ptr<client>> make_client(aio::executor on, client_options options) {
    std::shared_ptr<detail::tls_setup> tls;
    if (options.origin.secure) {
        if (!options.tls) return fail(errc::invalid, "an https origin needs TLS options");
        auto made = detail::make_tls_setup(*options.tls);
        if (!made) return base::pass(std::move(made));
        tls = std::move(*made);
    }
    if (options.connections_max == 0) {
        return fail(errc::invalid, "connections_max must be at least 1");
    }
    return std::make_unique<client_impl>(std::move(on), std::move(options), std::move(tls));
}

}  // namespace http
