#include "devcluster/runtime/readiness_check.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace runtime {
namespace {

constexpr std::size_t reply_bytes_max = 1024 * 1024;

void read_reply(int fd, std::chrono::steady_clock::time_point until, std::string& response,
                const std::function<bool(std::string_view)>& is_enough) {
    while (response.size() < reply_bytes_max) {
        char bytes[4096];
        const auto size = ::recv(fd, bytes, sizeof bytes, 0);
        if (size <= 0) return;
        response.append(bytes, static_cast<std::size_t>(size));
        if (is_enough(response) || std::chrono::steady_clock::now() >= until) return;
    }
}

}  // namespace

std::string query(int port, std::string_view message, std::chrono::milliseconds timeout,
                  const std::function<bool(std::string_view)>& is_enough) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return {};
    timeval wait{.tv_sec = timeout.count() / 1000, .tv_usec = (timeout.count() % 1000) * 1000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    std::string response;
    const auto size = static_cast<ssize_t>(message.size());
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        (message.empty() || ::send(fd, message.data(), message.size(), MSG_NOSIGNAL) == size)) {
        read_reply(fd, until, response, is_enough);
    }
    ::close(fd);
    return response;
}

}  // namespace runtime
