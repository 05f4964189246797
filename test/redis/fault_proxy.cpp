#include "test/redis/fault_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <stdexcept>
#include <utility>

namespace fakes {
namespace {

using time_point = std::chrono::steady_clock::time_point;

sockaddr_in loopback(std::uint16_t port) {
    return {.sin_family = AF_INET,
            .sin_port = htons(port),
            .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

void send_all(int target, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto size = ::send(target, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
}

std::string read_some(int source) {
    std::string bytes(65536, '\0');
    const auto size = ::recv(source, bytes.data(), bytes.size(), 0);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
}

}  // namespace

struct fault_proxy::pair {
    int client = -1;
    int server = -1;
    bool is_closed = false;
    struct delayed {
        time_point due;
        int target;
        std::string bytes;
    };
    std::deque<delayed> queue{};
    ~pair() {
        ::close(client);
        ::close(server);
    }
};

fault_proxy::fault_proxy(std::uint16_t server_port, interceptor intercept)
    : server_port_(server_port), intercept_(std::move(intercept)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    auto* pointer = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, pointer, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, pointer, &size) != 0) {
        throw std::runtime_error("the proxy cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

fault_proxy::~fault_proxy() {
    is_stopping_ = true;
    wake();
    thread_.join();
    pairs_.clear();
    ::close(listener_);
    ::close(wake_);
}

void fault_proxy::wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto size = ::write(wake_, &one, sizeof(one));
}

void fault_proxy::cut() {
    must_cut_ = true;
    wake();
}

void fault_proxy::halve_next() {
    must_halve_ = true;
}

void fault_proxy::stall(bool is_stalled) {
    is_stalled_ = is_stalled;
    wake();
}

void fault_proxy::run() {
    while (!is_stopping_) {
        std::vector<pollfd> sources{{.fd = wake_, .events = POLLIN, .revents = 0},
                                    {.fd = listener_, .events = POLLIN, .revents = 0}};
        for (const auto& link : pairs_) {
            const auto events = static_cast<short>(is_stalled_ ? 0 : POLLIN);
            sources.push_back({.fd = link->client, .events = events, .revents = 0});
            sources.push_back({.fd = link->server, .events = events, .revents = 0});
        }
        const bool is_waiting =
            std::ranges::any_of(pairs_, [](const auto& link) { return !link->queue.empty(); });
        ::poll(sources.data(), sources.size(), is_waiting ? 2 : 1000);
        std::uint64_t count = 0;
        [[maybe_unused]] const auto size = ::read(wake_, &count, sizeof(count));
        if (must_cut_.exchange(false)) {
            pairs_.clear();
            continue;
        }
        for (std::size_t index = 0; index < pairs_.size(); ++index) {
            auto& link = *pairs_[index];
            if (sources[2 + (index * 2)].revents != 0) read_client(link);
            if (sources[3 + (index * 2)].revents != 0) read_server(link);
            send_due(link);
        }
        std::erase_if(pairs_, [](const auto& link) { return link->is_closed; });
        if (sources[1].revents != 0) accept_client();
    }
}

void fault_proxy::accept_client() {
    auto link = std::make_unique<pair>();
    link->client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    link->server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(server_port_);
    const int yes = 1;
    for (const int side : {link->client, link->server}) {
        ::setsockopt(side, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    }
    ++accepted_;
    if (::connect(link->server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return;
    pairs_.push_back(std::move(link));
}

void fault_proxy::read_client(pair& link) {
    auto bytes = read_some(link.client);
    if (bytes.empty()) {
        link.is_closed = true;
        return;
    }
    const auto own = intercept_ ? intercept_(bytes) : std::nullopt;
    if (own && own->empty()) {
        link.is_closed = true;
    } else if (own) {
        send_all(link.client, *own);
    } else {
        link.queue.push_back(
            {std::chrono::steady_clock::now() + delay_.load(), link.server, std::move(bytes)});
    }
}

void fault_proxy::read_server(pair& link) {
    auto bytes = read_some(link.server);
    if (bytes.empty()) {
        link.is_closed = true;
        return;
    }
    if (must_halve_.exchange(false)) {
        send_all(link.client, std::string_view(bytes).substr(0, bytes.size() / 2));
        link.is_closed = true;
        return;
    }
    link.queue.push_back(
        {std::chrono::steady_clock::now() + delay_.load(), link.client, std::move(bytes)});
}

void fault_proxy::send_due(pair& link) {
    while (!link.queue.empty() && link.queue.front().due <= std::chrono::steady_clock::now()) {
        send_all(link.queue.front().target, link.queue.front().bytes);
        link.queue.pop_front();
    }
}

}  // namespace fakes
