#include "devcluster/runtime/engine.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace runtime {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr auto prepare_patience = 120s;
constexpr std::int64_t mebibyte = 1024 * 1024;

// The newest PostgreSQL that Debian has here.
std::string postgres_folder() {
    std::string best;
    std::error_code error;
    for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
        const auto name = each.path().filename().string();
        if (best.empty() || std::stoi(name) > std::stoi(best)) best = name;
    }
    return best.empty() ? "/usr/lib/postgresql/15/bin" : "/usr/lib/postgresql/" + best + "/bin";
}

base::outcome<void> write_private(const std::string& path, const std::string& text,
                                  const run_user& as) {
    {
        std::ofstream file(path, std::ios::trunc);
        std::filesystem::permissions(
            path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        file << text;
        if (!file.flush()) {
            return base::fail(base::errc::unavailable, fmt::format("'{}' cannot be written", path));
        }
    }
    return hand_over(as, path);
}

base::outcome<void> done() {
    return {};
}

// ---- PostgreSQL --------------------------------------------------------------------------

aio::task<> prepare_postgres(member_plan plan, run_user as) {
    const auto data = plan.folder + "/data";
    if (std::filesystem::exists(data + "/PG_VERSION")) co_return done();
    // A half-made folder of a start that was killed is of no use.
    std::error_code error;
    std::filesystem::remove_all(data, error);
    command make{.folder = plan.folder, .log_path = plan.folder + "/init.log"};
    if (plan.primary_port == 0) {
        const auto secret = plan.folder + "/initial-password";
        auto written = write_private(secret, plan.password, as);
        if (!written) co_return written;
        make.program = postgres_folder() + "/initdb";
        make.arguments = {"-D",
                          data + ".new",
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
    } else {
        make.program = postgres_folder() + "/pg_basebackup";
        make.arguments = {"-h",  "127.0.0.1", "-p",     std::to_string(plan.primary_port),
                          "-U",  plan.user,   "-D",     data + ".new",
                          "-R",  "-X",        "stream", "-c",
                          "fast"};
        make.environment["PGPASSWORD"] = plan.password;
    }
    std::filesystem::remove_all(data + ".new", error);
    auto made = co_await run(std::move(make), as, prepare_patience);
    std::filesystem::remove(plan.folder + "/initial-password", error);
    if (!made) co_return made;
    std::filesystem::rename(data + ".new", data, error);
    if (error) co_return base::fail(base::errc::unavailable, error.message());
    co_return done();
}

command postgres_server(const member_plan& plan) {
    const auto buffers = std::clamp<std::int64_t>(plan.memory_bytes / mebibyte / 8, 16, 128);
    const auto port = std::to_string(plan.port);
    std::vector<std::string> arguments{"-D", plan.folder + "/data", "-p", port};
    for (const auto& setting : std::vector<std::string>{
             "listen_addresses=127.0.0.1", "unix_socket_directories=" + plan.folder,
             fmt::format("shared_buffers={}MB", buffers), "max_connections=50", "work_mem=2MB",
             "maintenance_work_mem=16MB", "max_wal_size=128MB", "min_wal_size=32MB",
             "wal_level=replica", "max_wal_senders=8", "hot_standby=on", "track_io_timing=on",
             "shared_preload_libraries=pg_stat_statements", "cluster_name=" + plan.name}) {
        arguments.insert(arguments.end(), {"-c", setting});
    }
    if (plan.primary_port != 0) {
        // The primary may have another port since the base backup.
        arguments.insert(arguments.end(),
                         {"-c", fmt::format("primary_conninfo=host=127.0.0.1 port={} user={} "
                                            "passfile='{}/pgpass'",
                                            plan.primary_port, plan.user, plan.folder)});
    }
    return {.program = postgres_folder() + "/postgres",
            .arguments = std::move(arguments),
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

aio::task<> prepare_postgres_member(member_plan plan, run_user as) {
    if (plan.primary_port != 0) {
        auto written = write_private(plan.folder + "/pgpass",
                                     fmt::format("*:*:*:{}:{}\n", plan.user, plan.password), as);
        if (!written) co_return written;
    }
    co_return co_await prepare_postgres(std::move(plan), as);
}

command postgres_exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-postgres-exporter",
            .arguments = {fmt::format("--web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"DATA_SOURCE_URI",
                             fmt::format("127.0.0.1:{}/postgres?sslmode=disable", plan.port)},
                            {"DATA_SOURCE_USER", plan.user},
                            {"DATA_SOURCE_PASS", plan.password}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

// StartupMessage for protocol 3.0, user "postgres": the server asks for a password ('R') when it is
// ready, and says 'E' while it starts.
constexpr std::string_view postgres_hello{"\0\0\0\x17\0\3\0\0user\0postgres\0\0", 23};

// ---- Redis -------------------------------------------------------------------------------

aio::task<> prepare_redis(member_plan plan, run_user as) {
    const auto data = plan.folder + "/data";
    std::error_code error;
    std::filesystem::create_directories(data, error);
    auto handed = hand_over(as, data);
    if (!handed) co_return handed;
    auto text = fmt::format(
        "bind 127.0.0.1\nport {}\ndir {}\nrequirepass {}\nmasterauth {}\nmaxmemory {}mb\n"
        "maxmemory-policy noeviction\nappendonly yes\nmaxclients 1000\ndaemonize no\nlogfile \"\"\n"
        "repl-diskless-sync-delay 0\nslowlog-log-slower-than 10000\n",
        plan.port, data, plan.password, plan.password,
        std::max<std::int64_t>(16, plan.memory_bytes / mebibyte * 3 / 4));
    if (plan.primary_port != 0) text += fmt::format("replicaof 127.0.0.1 {}\n", plan.primary_port);
    co_return write_private(plan.folder + "/redis.conf", text, as);
}

command redis_server(const member_plan& plan) {
    return {.program = "/usr/bin/redis-server",
            .arguments = {plan.folder + "/redis.conf"},
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

command redis_exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-redis-exporter",
            .arguments = {fmt::format("-web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"REDIS_ADDR", fmt::format("redis://127.0.0.1:{}", plan.port)},
                            {"REDIS_PASSWORD", plan.password}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

// ---- MariaDB -----------------------------------------------------------------------------

aio::task<> prepare_mariadb(member_plan plan, run_user as) {
    const auto data = plan.folder + "/data";
    const auto text = fmt::format(
        "[mysqld]\ndatadir={0}\nsocket={1}/my.sock\npid-file={1}/my.pid\ntmpdir={1}\n"
        "bind-address=127.0.0.1\nport={2}\nserver-id={2}\ninnodb_buffer_pool_size={3}M\n"
        "innodb_log_file_size=32M\nmax_connections=100\nskip-name-resolve\nuserstat=1\n"
        "performance_schema=OFF\ninit-file={1}/init.sql\n",
        data, plan.folder, plan.port,
        std::clamp<std::int64_t>(plan.memory_bytes / mebibyte / 4, 32, 256));
    auto written = write_private(plan.folder + "/my.cnf", text, as);
    if (!written) co_return written;
    written =
        write_private(plan.folder + "/init.sql",
                      fmt::format("ALTER USER root@localhost IDENTIFIED BY '{0}';\n"
                                  "CREATE OR REPLACE USER root@127.0.0.1 IDENTIFIED BY '{0}';\n"
                                  "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n",
                                  plan.password),
                      as);
    if (!written) co_return written;
    if (std::filesystem::exists(data + "/mysql")) co_return done();
    std::error_code error;
    std::filesystem::remove_all(data, error);
    co_return co_await run(
        {.program = "/usr/bin/mariadb-install-db",
         .arguments = {"--no-defaults", "--datadir=" + data,
                       "--auth-root-authentication-method=normal", "--skip-test-db"},
         .folder = plan.folder,
         .log_path = plan.folder + "/init.log"},
        as, prepare_patience);
}

command mariadb_server(const member_plan& plan) {
    return {.program = "/usr/sbin/mariadbd",
            .arguments = {"--defaults-file=" + plan.folder + "/my.cnf"},
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

command mariadb_exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-mysqld-exporter",
            .arguments = {fmt::format("--web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"DATA_SOURCE_NAME",
                             fmt::format("root:{}@(127.0.0.1:{})/", plan.password, plan.port)}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

const std::array table{
    engine{.name = "postgres",
           .user = "postgres",
           .needs = {postgres_folder() + "/postgres", postgres_folder() + "/initdb",
                     "/usr/bin/prometheus-postgres-exporter"},
           .stop_signal = SIGINT,  // fast shutdown
           .probe_message = postgres_hello,
           .is_ready = [](std::string_view reply) { return reply.starts_with('R'); },
           .prepare = prepare_postgres_member,
           .server = postgres_server,
           .exporter = postgres_exporter,
           .version_command = {postgres_folder() + "/postgres", "--version"}},
    engine{.name = "redis",
           .user = "default",
           .needs = {"/usr/bin/redis-server", "/usr/bin/prometheus-redis-exporter"},
           .stop_signal = SIGTERM,
           .probe_message = "PING\r\n",
           .is_ready =
               [](std::string_view reply) {
                   return reply.starts_with("+PONG") || reply.starts_with("-NOAUTH");
               },
           .prepare = prepare_redis,
           .server = redis_server,
           .exporter = redis_exporter,
           .version_command = {"/usr/bin/redis-server", "--version"}},
    engine{
        .name = "mariadb",
        .user = "root",
        .needs = {"/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db",
                  "/usr/bin/prometheus-mysqld-exporter"},
        .stop_signal = SIGTERM,
        .probe_message = "",  // the server speaks first
        .is_ready = [](std::string_view reply) { return reply.size() > 4 && reply[4] == '\x0a'; },
        .prepare = prepare_mariadb,
        .server = mariadb_server,
        .exporter = mariadb_exporter,
        .version_command = {"/usr/sbin/mariadbd", "--version"}},
};

// The first "N.N..." in a line.
std::string version_in(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] < '0' || text[at] > '9') continue;
        auto end = at;
        while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.'))
            ++end;
        const auto found = text.substr(at, end - at);
        if (found.find('.') != std::string_view::npos) return std::string(found);
        at = end;
    }
    return {};
}

}  // namespace

std::span<const engine> all_engines() {
    return table;
}

const engine* find_engine(std::string_view name) {
    const auto at = std::ranges::find(table, name, &engine::name);
    return at == table.end() ? nullptr : &*at;
}

std::string installed_version(const engine& which, std::string& missing) {
    for (const auto& program : which.needs) {
        if (::access(program.c_str(), X_OK) != 0) {
            missing = program;
            return {};
        }
    }
    std::string line;
    for (const auto& word : which.version_command) line += word + " ";
    auto* pipe = ::popen((line + "2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return {};
    char bytes[256]{};
    const auto size = std::fread(bytes, 1, sizeof bytes - 1, pipe);
    ::pclose(pipe);
    return version_in({bytes, size});
}

}  // namespace runtime
