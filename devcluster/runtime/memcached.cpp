#include "devcluster/runtime/memcached.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "devcluster/runtime/readiness_check.hpp"
#include "http/server.hpp"

namespace runtime {
namespace {

using stats_map = std::map<std::string, std::string, std::less<>>;

// "STAT name value" lines. github.com/memcached/memcached/blob/master/doc/protocol.txt
stats_map parse_stats(std::string_view text) {
    stats_map stats;
    while (!text.empty()) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.starts_with("STAT ")) continue;
        if (line.ends_with('\r')) line.remove_suffix(1);
        line.remove_prefix(5);
        const auto space = line.find(' ');
        if (space == std::string_view::npos) continue;
        stats.emplace(line.substr(0, space), line.substr(space + 1));
    }
    return stats;
}

struct plain_series {
    std::string_view key;
    std::string_view name;
    std::string_view type;
};
constexpr plain_series plain[] = {
    {"uptime", "memcached_uptime_seconds", "counter"},
    {"time", "memcached_time_seconds", "gauge"},
    {"curr_connections", "memcached_current_connections", "gauge"},
    {"max_connections", "memcached_max_connections", "gauge"},
    {"total_connections", "memcached_connections_total", "counter"},
    {"rejected_connections", "memcached_connections_rejected_total", "counter"},
    {"conn_yields", "memcached_connections_yielded_total", "counter"},
    {"listen_disabled_num", "memcached_connections_listener_disabled_total", "counter"},
    {"accepting_conns", "memcached_accepting_connections", "gauge"},
    {"curr_items", "memcached_current_items", "gauge"},
    {"total_items", "memcached_items_total", "counter"},
    {"evictions", "memcached_items_evicted_total", "counter"},
    {"reclaimed", "memcached_items_reclaimed_total", "counter"},
    {"store_too_large", "memcached_item_too_large_total", "counter"},
    {"store_no_memory", "memcached_item_no_memory_total", "counter"},
    {"bytes", "memcached_current_bytes", "gauge"},
    {"limit_maxbytes", "memcached_limit_bytes", "gauge"},
    {"bytes_read", "memcached_read_bytes_total", "counter"},
    {"bytes_written", "memcached_written_bytes_total", "counter"},
    {"rusage_user", "memcached_process_user_cpu_seconds_total", "counter"},
    {"rusage_system", "memcached_process_system_cpu_seconds_total", "counter"},
};

struct command_series {
    std::string_view key;
    std::string_view command;
    std::string_view status;
};
constexpr command_series commands[] = {
    {"get_hits", "get", "hit"},        {"get_misses", "get", "miss"},
    {"delete_hits", "delete", "hit"},  {"delete_misses", "delete", "miss"},
    {"incr_hits", "incr", "hit"},      {"incr_misses", "incr", "miss"},
    {"decr_hits", "decr", "hit"},      {"decr_misses", "decr", "miss"},
    {"cas_hits", "cas", "hit"},        {"cas_misses", "cas", "miss"},
    {"cas_badval", "cas", "badval"},   {"touch_hits", "touch", "hit"},
    {"touch_misses", "touch", "miss"}, {"cmd_flush", "flush", "hit"},
};

bool is_number(std::string_view text) {
    double value = 0;
    const auto* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && at == end;
}

std::int64_t whole(const stats_map& stats, std::string_view key) {
    const auto it = stats.find(key);
    std::int64_t value = 0;
    if (it != stats.end()) {
        std::from_chars(it->second.data(), it->second.data() + it->second.size(), value);
    }
    return value;
}

void add_family(std::string& page, std::string_view name, std::string_view type) {
    fmt::format_to(std::back_inserter(page), "# TYPE {} {}\n", name, type);
}

void add_commands(std::string& page, const stats_map& stats) {
    auto out = std::back_inserter(page);
    add_family(page, "memcached_commands_total", "counter");
    for (const auto& each : commands) {
        const auto it = stats.find(each.key);
        if (it == stats.end() || !is_number(it->second)) continue;
        fmt::format_to(out, "memcached_commands_total{{command=\"{}\",status=\"{}\"}} {}\n",
                       each.command, each.status, it->second);
    }
    // memcached counts a cas also as a set.
    const auto sets = whole(stats, "cmd_set") - whole(stats, "cas_hits") -
                      whole(stats, "cas_misses") - whole(stats, "cas_badval");
    fmt::format_to(out, "memcached_commands_total{{command=\"set\",status=\"hit\"}} {}\n",
                   std::max<std::int64_t>(0, sets));
}

std::string login(const member_plan& plan) {
    const auto words = plan.user + " " + plan.password;
    return fmt::format("set auth 0 0 {}\r\n{}\r\n", words.size(), words);
}

// ---- exporter ----------------------------------------------------------------------------

// Runs on a separate thread, so it may block until the server responds.
class page_handler final : public http::handler {
  public:
    explicit page_handler(member_plan plan) : plan_(std::move(plan)) {}

    std::optional<http::outgoing_response> handle_now(http::request& incoming) override {
        http::outgoing_response answer;
        answer.response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        if (incoming.path() != "/metrics" || incoming.verb != http::method::get) {
            return error_response(404, "the page is GET /metrics");
        }
        const auto response =
            query(plan_.port, login(plan_) + "stats\r\nquit\r\n", std::chrono::milliseconds(2000),
                  [](std::string_view so_far) { return so_far.ends_with("END\r\n"); });
        answer.response.body = http::body(memcached_page(response));
        return answer;
    }
    boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
        co_return error_response(404, "the page is GET /metrics");
    }
    http::outgoing_response error_response(unsigned status, std::string_view detail) override {
        http::outgoing_response answer;
        answer.response.status = status;
        answer.response.headers.set("Content-Type", "text/plain");
        answer.response.body = http::body(std::string(detail) + "\n");
        return answer;
    }

  private:
    member_plan plan_;
};

class page_server final : public builtin_exporter {
  public:
    explicit page_server(std::unique_ptr<http::server> server) : server_(std::move(server)) {}
    ~page_server() override {
        server_->drain();
        server_->stop(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    }

  private:
    std::unique_ptr<http::server> server_;
};

base::outcome<std::unique_ptr<builtin_exporter>> start_exporter(const member_plan& plan) {
    http::server_options options{.port = static_cast<std::uint16_t>(plan.exporter_port),
                                 .connections_max = 16};
    auto started = http::start_server(
        std::move(options), [plan](const aio::executor&) -> std::unique_ptr<http::handler> {
            return std::make_unique<page_handler>(plan);
        });
    if (!started) return base::pass(std::move(started), "memcached exporter");
    return std::make_unique<page_server>(std::move(*started));
}

// ---- server ------------------------------------------------------------------------------

aio::task<> prepare(member_plan plan, run_user as, const bool&) {
    const auto line = fmt::format("{}:{}\n", plan.user, plan.password);
    co_return write_private(plan.folder + "/auth", line, as);
}

command server(const member_plan& plan) {
    const auto memory = std::max<std::int64_t>(16, plan.memory_bytes / mebibyte * 3 / 4);
    return {
        .program = "/usr/bin/memcached",
        .arguments = {"-l", "127.0.0.1", "-p", std::to_string(plan.port), "-U", "0", "-m",
                      std::to_string(memory), "-c", "1000", "-t", "2", "-Y", plan.folder + "/auth"},
        .folder = plan.folder,
        .log_path = plan.folder + "/server.log"};
}

}  // namespace

std::string memcached_page(std::string_view response) {
    const auto stats = parse_stats(response);
    std::string page;
    add_family(page, "memcached_up", "gauge");
    page += stats.empty() ? "memcached_up 0\n" : "memcached_up 1\n";
    if (stats.empty()) return page;
    const auto version = stats.find("version");
    if (version != stats.end() && !version_in(version->second).empty()) {
        add_family(page, "memcached_version", "gauge");
        page += fmt::format("memcached_version{{version=\"{}\"}} 1\n", version_in(version->second));
    }
    for (const auto& each : plain) {
        const auto it = stats.find(each.key);
        if (it == stats.end() || !is_number(it->second)) continue;
        add_family(page, each.name, each.type);
        page += fmt::format("{} {}\n", each.name, it->second);
    }
    add_commands(page, stats);
    return page;
}

engine memcached_engine() {
    return {.name = "memcached",
            .user = "user",
            .needs = {"/usr/bin/memcached"},
            .stop_signal = SIGTERM,
            .can_follow = false,
            .keeps_data = false,
            .question = login,
            .is_ready = [](const member_plan&,
                           std::string_view response) { return response.starts_with("STORED"); },
            .prepare = prepare,
            .is_cut_off = nullptr,
            .server = server,
            .exporter = nullptr,
            .start_builtin_exporter = start_exporter,
            .version_command = {"/usr/bin/memcached", "--version"}};
}

}  // namespace runtime
