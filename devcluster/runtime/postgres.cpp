#include "devcluster/runtime/postgres.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace runtime {
namespace {

// The folder of the newest installed PostgreSQL of Debian.
const std::string& folder_of_programs() {
    static const std::string folder = [] {
        int best = 15;
        std::error_code error;
        for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
            const auto name = each.path().filename().string();
            int version = 0;
            std::from_chars(name.data(), name.data() + name.size(), version);
            if (std::filesystem::exists(each.path() / "bin/postgres")) {
                best = std::max(best, version);
            }
        }
        return fmt::format("/usr/lib/postgresql/{}/bin", best);
    }();
    return folder;
}

std::string program(std::string_view name) {
    return fmt::format("{}/{}", folder_of_programs(), name);
}

aio::task<> make_primary(member_plan plan, run_user as, std::string folder,
                         const bool& is_stopping) {
    const auto secret = plan.folder + "/initial-password";
    auto written = write_private(secret, plan.password, as);
    if (!written) co_return written;
    command make{.program = program("initdb"), .folder = plan.folder};
    make.arguments = {"-D",
                      folder,
                      "-U",
                      plan.user,
                      "-A",
                      "scram-sha-256",
                      "--pwfile=" + secret,
                      "-E",
                      "UTF8",
                      "--locale=C.UTF-8",
                      "--data-checksums",
                      "--no-sync"};
    make.log_path = plan.folder + "/init.log";
    auto prepared = co_await run(std::move(make), as, prepare_timeout, is_stopping);
    std::error_code ignored;
    std::filesystem::remove(secret, ignored);
    co_return prepared;
}

aio::task<> copy_primary(member_plan plan, run_user as, std::string folder,
                         const bool& is_stopping) {
    command make{.program = program("pg_basebackup"), .folder = plan.folder};
    make.arguments = {"-h",   "127.0.0.1", "-p",       std::to_string(plan.primary_port),
                      "-U",   plan.user,   "-w",       "-D",
                      folder, "-R",        "-X",       "stream",
                      "-c",   "fast",      "--no-sync"};
    make.environment["PGPASSFILE"] = plan.folder + "/pgpass";
    make.log_path = plan.folder + "/init.log";
    return run(std::move(make), as, prepare_timeout, is_stopping);
}

bool is_cut_off(const member_plan& plan) {
    constexpr std::streamoff tail = 16 * 1024;
    std::ifstream file(plan.folder + "/server.log", std::ios::ate);
    if (plan.primary_port == 0 || !file) return false;
    const auto size = static_cast<std::streamoff>(file.tellg());
    file.seekg(std::max<std::streamoff>(0, size - tail));
    std::stringstream text;
    text << file.rdbuf();
    return log_reports_cut_off(text.str());
}

aio::task<> prepare(member_plan plan, run_user as, const bool& is_stopping) {
    const auto data = plan.folder + "/data";
    const auto fresh = data + ".new";
    if (plan.primary_port != 0) {
        const auto line = fmt::format("*:*:*:{}:{}\n", plan.user, plan.password);
        auto written = write_private(plan.folder + "/pgpass", line, as);
        if (!written) co_return written;
    }
    // The process of that number has ended, or another process has the number now.
    std::error_code error;
    std::filesystem::remove(data + "/postmaster.pid", error);
    const bool copies_anew = is_cut_off(plan);
    if (std::filesystem::exists(data + "/PG_VERSION") && !copies_anew) {
        co_return base::ok();
    }
    // Removes an incomplete folder of a start that was killed.
    std::filesystem::remove_all(fresh, error);
    auto making = plan.primary_port == 0 ? make_primary(plan, as, fresh, is_stopping)
                                         : copy_primary(plan, as, fresh, is_stopping);
    auto prepared = co_await std::move(making);
    if (!prepared) co_return prepared;
    if (copies_anew) std::filesystem::remove_all(data, error);
    std::filesystem::rename(fresh, data, error);
    if (error) co_return base::fail(base::errc::unavailable, error.message());
    // The log refers to the deleted data.
    const auto log = plan.folder + "/server.log";
    if (copies_anew) std::filesystem::rename(log, log + ".old", error);
    co_return base::ok();
}

command server(const member_plan& plan) {
    const auto buffers = std::clamp<std::int64_t>(plan.memory_bytes / mebibyte / 8, 16, 128);
    std::vector<std::string> arguments{"-D", plan.folder + "/data", "-p",
                                       std::to_string(plan.port)};
    const auto set = [&arguments](std::string setting) {
        arguments.emplace_back("-c");
        arguments.push_back(std::move(setting));
    };
    set("listen_addresses=127.0.0.1");
    set("unix_socket_directories=");  // everything here is TCP; a socket's path is 107 bytes at
                                      // most
    set("cluster_name=" + plan.name);
    set(fmt::format("shared_buffers={}MB", buffers));
    for (const auto* setting :
         {"max_connections=50", "work_mem=2MB", "maintenance_work_mem=16MB", "max_wal_size=128MB",
          "min_wal_size=32MB", "wal_level=replica", "max_wal_senders=8", "hot_standby=on",
          // WAL that a standby may miss before its data must be copied again.
          "wal_keep_size=256MB", "track_io_timing=on",
          "shared_preload_libraries=pg_stat_statements"}) {
        set(setting);
    }
    if (plan.primary_port != 0) {
        // The port of the primary may have changed since the base backup.
        set(
            fmt::format("primary_conninfo=host=127.0.0.1 port={} user={} application_name={} "
                        "passfile='{}/pgpass'",
                        plan.primary_port, plan.user, plan.name, plan.folder));
    }
    return {.program = program("postgres"),
            .arguments = std::move(arguments),
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

command exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-postgres-exporter",
            .arguments = {fmt::format("--web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"DATA_SOURCE_URI",
                             fmt::format("127.0.0.1:{}/postgres?sslmode=disable", plan.port)},
                            {"DATA_SOURCE_USER", plan.user},
                            {"DATA_SOURCE_PASS", plan.password}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

// StartupMessage of protocol 3.0 for user "postgres". A ready server requests the password ('R'); a
// server that starts or stops sends 'E'.
// postgresql.org/docs/15/protocol-message-formats.html
constexpr std::string_view hello{"\0\0\0\x17\0\3\0\0user\0postgres\0\0", 23};

}  // namespace

bool log_reports_cut_off(std::string_view log) {
    constexpr std::string_view begin =
        "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment ";
    const auto it = log.find(begin);
    if (it == std::string_view::npos) return false;
    const auto line = log.substr(it, log.find('\n', it) - it);
    return line.ends_with("has already been removed");
}

engine postgres_engine() {
    return {.name = "postgres",
            .user = "postgres",
            .needs = {program("postgres"), program("initdb"), program("pg_basebackup"),
                      "/usr/bin/prometheus-postgres-exporter"},
            .stop_signal = SIGINT,  // fast shutdown
            .can_follow = true,
            .keeps_data = true,
            .question = [](const member_plan&) { return std::string(hello); },
            .is_ready = [](const member_plan&,
                           std::string_view response) { return response.starts_with('R'); },
            .prepare = prepare,
            .is_cut_off = is_cut_off,
            .server = server,
            .exporter = exporter,
            .start_builtin_exporter = nullptr,
            .version_command = {program("postgres"), "--version"}};
}

}  // namespace runtime
