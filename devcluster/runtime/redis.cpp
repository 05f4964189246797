#include "devcluster/runtime/redis.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

namespace runtime {
namespace {

aio::task<> prepare(member_plan plan, run_user as, const bool&) {
    const auto data = plan.folder + "/data";
    std::error_code error;
    std::filesystem::create_directories(data, error);
    auto handed = change_owner(as, data);
    if (!handed) co_return handed;
    // 'dir' is relative to the start folder, because a path in this file must not contain a space.
    auto text = fmt::format(
        "bind 127.0.0.1\nport {}\ndir data\nrequirepass {}\nmasterauth {}\nmaxmemory {}mb\n"
        "maxmemory-policy noeviction\nappendonly yes\nmaxclients 1000\ndaemonize no\nlogfile \"\"\n"
        "repl-diskless-sync-delay 0\nslowlog-log-slower-than 10000\n",
        plan.port, plan.password, plan.password,
        std::max<std::int64_t>(16, plan.memory_bytes / mebibyte * 3 / 4));
    if (plan.primary_port != 0) text += fmt::format("replicaof 127.0.0.1 {}\n", plan.primary_port);
    co_return write_private(plan.folder + "/redis.conf", text, as);
}

command server(const member_plan& plan) {
    return {.program = "/usr/bin/redis-server",
            .arguments = {plan.folder + "/redis.conf"},
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

command exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-redis-exporter",
            .arguments = {fmt::format("-web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"REDIS_ADDR", fmt::format("redis://127.0.0.1:{}", plan.port)},
                            {"REDIS_PASSWORD", plan.password}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

// Redis rejects PING while it loads its data. ROLE reports the link of a replica to its primary.
// QUIT ends the response in every case.
std::string question(const member_plan& plan) {
    return fmt::format("AUTH {} {}\r\nPING\r\nROLE\r\nQUIT\r\n", plan.user, plan.password);
}

bool is_ready(const member_plan& plan, std::string_view response) {
    if (!response.starts_with("+OK\r\n+PONG\r\n")) return false;
    const auto state = plan.primary_port == 0 ? "$6\r\nmaster\r\n" : "$9\r\nconnected\r\n";
    return response.find(state) != std::string_view::npos;
}

}  // namespace

engine redis_engine() {
    return {.name = "redis",
            .user = "default",
            .needs = {"/usr/bin/redis-server", "/usr/bin/prometheus-redis-exporter"},
            .stop_signal = SIGTERM,
            .can_follow = true,
            .keeps_data = true,
            .question = question,
            .is_ready = is_ready,
            .prepare = prepare,
            .is_cut_off = nullptr,
            .server = server,
            .exporter = exporter,
            .start_builtin_exporter = nullptr,
            .version_command = {"/usr/bin/redis-server", "--version"}};
}

}  // namespace runtime
