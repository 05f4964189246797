#include "devcluster/runtime/probe.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace runtime {

std::string ask(int port, std::string_view message, std::chrono::milliseconds patience) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return {};
    timeval wait{.tv_sec = patience.count() / 1000, .tv_usec = (patience.count() % 1000) * 1000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    std::string reply;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        (message.empty() || ::send(fd, message.data(), message.size(), MSG_NOSIGNAL) > 0)) {
        char bytes[64];
        const auto size = ::recv(fd, bytes, sizeof bytes, 0);
        if (size > 0) reply.assign(bytes, static_cast<std::size_t>(size));
    }
    ::close(fd);
    return reply;
}

}  // namespace runtime
