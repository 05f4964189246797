#include "test/redis/redis_servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "devcluster/runtime/local_ports.hpp"
#include "redis/slots.hpp"

namespace fakes {
namespace {

using namespace std::chrono_literals;

constexpr const char* program = "/usr/bin/redis-server";

redis::resp_value lost() {
    return {.kind = redis::resp_kind::error, .text = "lost"};
}

}  // namespace

bool is_redis_installed() {
    return ::access(program, X_OK) == 0;
}

void wait_for(const std::string& text, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) throw std::runtime_error(text);
        ::poll(nullptr, 0, 5);  // of a condition in another process
    }
}

server_folder::server_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "dbaas-redis-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    user_ = runtime::choose_user(path_);
    if (!runtime::change_owner(user_, path_)) throw std::runtime_error("chown " + path_);
}

server_folder::~server_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string server_folder::write(const std::string& name, const std::string& content) const {
    const auto path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    if (!runtime::change_owner(user_, path)) throw std::runtime_error("chown " + path);
    return path;
}

redis_console::redis_console(std::uint16_t port, const std::string& password) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval timeout{.tv_sec = 5};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address{.sin_family = AF_INET,
                        .sin_port = htons(port),
                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        ::close(std::exchange(socket_, -1));
        return;
    }
    if (!password.empty()) run({"AUTH", password});
}

redis_console::~redis_console() {
    if (socket_ >= 0) ::close(socket_);
}

redis::resp_value redis_console::run(const redis::command_words& words) {
    std::string bytes;
    redis::encode_command(words, bytes);
    std::string_view rest = bytes;
    while (!rest.empty()) {
        const auto size = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (size <= 0) return lost();
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
    std::array<char, 16384> buffer{};
    while (true) {
        auto value = parser_.next();
        if (!value) return lost();
        if (*value) return std::move(**value);
        const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (size <= 0) return lost();
        parser_.add({buffer.data(), static_cast<std::size_t>(size)});
    }
}

redis_server::redis_server(const server_folder& folder, redis_server_options options)
    : folder_(folder), options_(std::move(options)) {
    constexpr int attempts_max = 5;  // another program may take the port
    for (int attempt = 1;; ++attempt) {
        const auto ports = runtime::new_ports();
        port_ = static_cast<std::uint16_t>(ports.server);
        bus_port_ = static_cast<std::uint16_t>(ports.exporter);
        std::string text =
            fmt::format("bind 127.0.0.1\ndir {}\nport {}\ndaemonize no\nlogfile \"\"\n",
                        folder_.path(), options_.has_plain_port ? port_ : std::uint16_t{0});
        if (!options_.is_sentinel) {
            text += fmt::format(
                "save \"\"\nappendonly no\ndbfilename {}.rdb\nrepl-diskless-sync-delay 0\n"
                "repl-ping-replica-period 1\nrepl-timeout 5\n",
                port_);
        }
        if (options_.is_cluster) {
            text += fmt::format(
                "cluster-enabled yes\ncluster-config-file nodes-{}.conf\ncluster-port {}\n"
                "cluster-node-timeout 1000\ncluster-replica-validity-factor 0\n"
                "cluster-require-full-coverage no\ncluster-migration-barrier 99\n",
                port_, bus_port_);
        }
        for (auto line : options_.lines) {
            const auto mark = line.find("{port}");
            if (mark != std::string::npos) line.replace(mark, 6, std::to_string(port_));
            text += line + "\n";
        }
        config_ = folder_.write(fmt::format("redis-{}.conf", port_), text);
        try {
            start();
            return;
        } catch (const std::runtime_error&) {
            if (attempt == attempts_max) throw;
        }
    }
}

void redis_server::start() {
    std::vector<std::string> arguments{config_};
    if (options_.is_sentinel) arguments.emplace_back("--sentinel");
    auto spawned =
        runtime::spawn({.program = program,
                        .arguments = std::move(arguments),
                        .folder = folder_.path(),
                        .log_path = fmt::format("{}/redis-{}.log", folder_.path(), port_)},
                       folder_.user());
    if (!spawned) throw std::runtime_error(spawned.error().text);
    process_ = std::move(*spawned);
    wait_for("redis-server does not start", [this] {
        if (!process_->is_alive()) throw std::runtime_error("redis-server has ended");
        if (!options_.has_plain_port) return !runtime::is_port_free(port_);
        const auto response = run({"PING"});
        return response.text == "PONG" || response.text.starts_with("NOAUTH");
    });
}

void redis_server::kill() {
    process_->signal(SIGKILL);
    wait_for("redis-server does not end", [this] { return !process_->is_alive(); });
}

redis::resp_value redis_server::run(const redis::command_words& words) const {
    return redis_console(port_, options_.password).run(words);
}

redis_cluster::redis_cluster(const server_folder& folder, std::size_t masters, bool has_replicas)
    : masters_(masters) {
    const auto count = has_replicas ? masters * 2 : masters;
    for (std::size_t index = 0; index < count; ++index) {
        nodes_.push_back(
            std::make_unique<redis_server>(folder, redis_server_options{.is_cluster = true}));
    }
    for (std::size_t index = 0; index < masters; ++index) {
        const auto first = redis::slot_count * index / masters;
        const auto last = (redis::slot_count * (index + 1) / masters) - 1;
        node(index).run({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
        node(index).run({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(index + 1)});
    }
    for (std::size_t index = 1; index < count; ++index) {
        // The node has another cluster-port than port + 10000.
        const auto bus = node(index).run({"CONFIG", "GET", "cluster-port"});
        node(0).run({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(index).port()),
                     bus.items.at(1).text});
    }
    for (std::size_t index = masters; index < count; ++index) {
        const auto id = id_of(index - masters);
        wait_for("the cluster does not meet",
                 [&] { return node(index).run({"CLUSTER", "REPLICATE", id}).text == "OK"; });
    }
    wait_until_ready();
}

void redis_cluster::wait_until_ready() {
    for (auto& server : nodes_) {
        wait_for("the cluster is not ready", [&] {
            const auto info = server->run({"CLUSTER", "INFO"}).text;
            const auto nodes = server->run({"CLUSTER", "NODES"}).text;
            std::size_t known = 0;
            for (const auto& other : nodes_) {
                if (nodes.find(fmt::format("127.0.0.1:{}@", other->port())) != std::string::npos) {
                    ++known;
                }
            }
            const auto role = server->run({"ROLE"});
            const bool is_linked = role.items.empty() || role.items[0].text != "slave" ||
                                   role.items.at(3).text == "connected";
            return info.find("cluster_state:ok") != std::string::npos &&
                   info.find("cluster_slots_assigned:16384") != std::string::npos &&
                   known == nodes_.size() && is_linked;
        });
    }
}

std::string redis_cluster::id_of(std::size_t index) {
    return node(index).run({"CLUSTER", "MYID"}).text;
}

std::size_t redis_cluster::master_of(std::uint16_t slot, std::size_t source) {
    const auto ranges = node(source).run({"CLUSTER", "SLOTS"});
    for (const auto& range : ranges.items) {
        if (range.items.at(0).integer > slot || range.items.at(1).integer < slot) continue;
        const auto port = range.items.at(2).items.at(1).integer;
        for (std::size_t index = 0; index < nodes_.size(); ++index) {
            if (node(index).port() == port) return index;
        }
    }
    return nodes_.size();
}

std::string redis_cluster::url() const {
    return fmt::format("redis://127.0.0.1:{},127.0.0.1:{}", nodes_[0]->port(), nodes_[1]->port());
}

}  // namespace fakes
