#include "devcluster/runtime/local_ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace runtime {
namespace {

// A socket bound on loopback; port 0: chosen by the kernel. The destructor closes it.
class bound_socket {
  public:
    explicit bound_socket(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (fd_ < 0) return;
        // As servers do: ignores lingering connections of an earlier owner.
        const int enabled = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &enabled, sizeof enabled);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const plain = reinterpret_cast<sockaddr*>(&address);
        // With SO_REUSEADDR two sockets may be bound to one port until one of them listens.
        if (::bind(fd_, plain, size) == 0 && ::listen(fd_, 1) == 0 &&
            ::getsockname(fd_, plain, &size) == 0) {
            port_ = ntohs(address.sin_port);
        }
    }
    ~bound_socket() {
        if (fd_ >= 0) ::close(fd_);
    }
    bound_socket(const bound_socket&) = delete;
    bound_socket& operator=(const bound_socket&) = delete;
    [[nodiscard]] int port() const noexcept { return port_; }

  private:
    int fd_;
    int port_ = 0;
};

bool is_port(int number) {
    return number > 0 && number <= 65535;
}

}  // namespace

bool is_port_free(int port) {
    return is_port(port) && bound_socket(port).port() == port;
}

member_ports new_ports() {
    const bound_socket server(0);
    const bound_socket exporter(0);
    return {.server = server.port(), .exporter = exporter.port()};
}

member_ports remembered_ports(const std::string& folder) {
    member_ports ports;
    std::ifstream(folder + "/ports") >> ports.server >> ports.exporter;
    if (!is_port(ports.server)) ports.server = 0;
    if (!is_port(ports.exporter)) ports.exporter = 0;
    return ports;
}

bool remember_ports(const std::string& folder, member_ports used) {
    const auto path = folder + "/ports";
    const auto fresh = path + ".new";
    std::ofstream file(fresh);
    file << used.server << ' ' << used.exporter << '\n';
    file.close();
    return file && std::rename(fresh.c_str(), path.c_str()) == 0;
}

bool port_registry::is_assigned_elsewhere(int port, const std::string& folder) const {
    const auto it = assigned_.find(port);
    return it != assigned_.end() && it->second != folder;
}

member_ports port_registry::pick_for(const std::string& folder) const {
    constexpr int tries = 100;
    for (int turn = 0; turn < tries; ++turn) {
        const auto fresh = pick_();
        if (is_assigned_elsewhere(fresh.server, folder)) continue;
        if (!is_assigned_elsewhere(fresh.exporter, folder)) return fresh;
    }
    return {};
}

member_ports port_registry::settle(const std::string& folder) {
    return settle(folder, part::both);
}

member_ports port_registry::settle_exporter(const std::string& folder) {
    return settle(folder, part::exporter);
}

member_ports port_registry::settle(const std::string& folder, part moved) {
    const auto known = remembered_ports(folder);
    auto settled = known;
    const auto may_keep = [&](int port) {
        return is_port_free(port) && !is_assigned_elsewhere(port, folder);
    };
    const bool keeps_server = moved == part::exporter || may_keep(known.server);
    const bool keeps_exporter = known.exporter != known.server && may_keep(known.exporter);
    if (!keeps_server || !keeps_exporter) {
        const auto fresh = pick_for(folder);
        if (!keeps_server) settled.server = fresh.server;
        if (!keeps_exporter) settled.exporter = fresh.exporter;
    }
    if (settled != known) remember_ports(folder, settled);
    release(folder);
    for (const int port : {settled.server, settled.exporter}) {
        if (port != 0) assigned_[port] = folder;
    }
    return settled;
}

void port_registry::release(const std::string& folder) {
    std::erase_if(assigned_, [&](const auto& each) { return each.second == folder; });
}

}  // namespace runtime
