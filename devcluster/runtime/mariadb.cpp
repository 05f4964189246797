#include "devcluster/runtime/mariadb.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

namespace runtime {
namespace {

std::string configuration(const member_plan& plan) {
    return fmt::format(
        // The socket path is relative to the data folder, because it is limited to 107 bytes.
        "[mysqld]\ndatadir={0}/data\nsocket=my.sock\npid-file={0}/my.pid\ntmpdir={0}\n"
        "bind-address=127.0.0.1\nport={1}\nserver-id={1}\ninnodb_buffer_pool_size={2}M\n"
        "innodb_log_file_size=32M\nmax_connections=100\nskip-name-resolve\nuserstat=1\n"
        "performance_schema=OFF\nlog-bin=bin\nlog-slave-updates=ON\nmax_binlog_size=64M\n"
        "skip-slave-start\ninit-file={0}/init.sql\n",
        plan.folder, plan.port,
        std::clamp<std::int64_t>(plan.memory_bytes / mebibyte / 4, 32, 256));
}

// The server runs this script at each start before it listens. The script is excluded from the
// binary log, because every member runs it.
std::string at_start(const member_plan& plan) {
    auto text = fmt::format(
        "SET SESSION sql_log_bin=0;\n"
        "ALTER USER root@localhost IDENTIFIED BY '{0}';\n"
        "CREATE OR REPLACE USER root@127.0.0.1 IDENTIFIED BY '{0}';\n"
        "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n",
        plan.password);
    if (plan.primary_port == 0) return text;
    return text + fmt::format(
                      "SET GLOBAL read_only=1;\n"
                      "CHANGE MASTER TO master_host='127.0.0.1', master_port={}, "
                      "master_user='root', master_password='{}', master_use_gtid=slave_pos, "
                      "master_connect_retry=1;\nSTART SLAVE;\n",
                      plan.primary_port, plan.password);
}

aio::task<> prepare(member_plan plan, run_user as, const bool& is_stopping) {
    const auto data = plan.folder + "/data";
    const auto fresh = data + ".new";
    auto written = write_private(plan.folder + "/my.cnf", configuration(plan), as);
    if (!written) co_return written;
    written = write_private(plan.folder + "/init.sql", at_start(plan), as);
    if (!written) co_return written;
    if (std::filesystem::exists(data + "/mysql")) co_return base::ok();
    std::error_code error;
    std::filesystem::remove_all(fresh, error);
    command make{.program = "/usr/bin/mariadb-install-db", .folder = plan.folder};
    make.arguments = {"--no-defaults", "--datadir=" + fresh,
                      "--auth-root-authentication-method=normal", "--skip-test-db"};
    make.log_path = plan.folder + "/init.log";
    auto prepared = co_await run(std::move(make), as, prepare_timeout, is_stopping);
    if (!prepared) co_return prepared;
    std::filesystem::rename(fresh, data, error);
    if (error) co_return base::fail(base::errc::unavailable, error.message());
    co_return base::ok();
}

command server(const member_plan& plan) {
    return {.program = "/usr/sbin/mariadbd",
            .arguments = {"--defaults-file=" + plan.folder + "/my.cnf"},
            .folder = plan.folder,
            .log_path = plan.folder + "/server.log"};
}

command exporter(const member_plan& plan) {
    return {.program = "/usr/bin/prometheus-mysqld-exporter",
            .arguments = {fmt::format("--web.listen-address=127.0.0.1:{}", plan.exporter_port)},
            .environment = {{"DATA_SOURCE_NAME",
                             fmt::format("root:{}@(127.0.0.1:{})/", plan.password, plan.port)}},
            .folder = plan.folder,
            .log_path = plan.folder + "/exporter.log"};
}

}  // namespace

engine mariadb_engine() {
    return {.name = "mariadb",
            .user = "root",
            .needs = {"/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db",
                      "/usr/bin/prometheus-mysqld-exporter"},
            .stop_signal = SIGTERM,
            .can_follow = true,
            .keeps_data = true,
            .question = [](const member_plan&) { return std::string(); },  // the server sends first
            // The initial handshake is of protocol 10; an error packet has 0xff there.
            .is_ready =
                [](const member_plan&, std::string_view response) {
                    return response.size() > 4 && response[4] == '\x0a';
                },
            .prepare = prepare,
            .is_cut_off = nullptr,
            .server = server,
            .exporter = exporter,
            .start_builtin_exporter = nullptr,
            .version_command = {"/usr/sbin/mariadbd", "--version"}};
}

}  // namespace runtime
