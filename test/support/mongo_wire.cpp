#include "test/support/mongo_wire.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace fakes {
namespace {

constexpr std::size_t header_size = 16;
constexpr std::int32_t message_bytes_max = 64 << 20;
constexpr std::int32_t op_reply = 1;
constexpr std::int32_t op_query = 2004;
constexpr std::int32_t op_msg = 2013;

std::int32_t int_at(const std::string& bytes, std::size_t offset) {
    std::int32_t value = 0;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

void append(std::string& out, std::int32_t value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

bool read_exactly(int descriptor, std::string& out, std::size_t size) {
    const auto start = out.size();
    out.resize(start + size);
    std::size_t done = 0;
    while (done < size) {
        const auto count = recv(descriptor, out.data() + start + done, size - done, 0);
        if (count <= 0) return false;
        done += static_cast<std::size_t>(count);
    }
    return true;
}

// Returns a whole message, or nullopt if the connection ends.
std::optional<std::string> read_message(int descriptor) {
    std::string message;
    if (!read_exactly(descriptor, message, header_size)) return std::nullopt;
    const auto size = int_at(message, 0);
    if (size < static_cast<std::int32_t>(header_size) || size > message_bytes_max) {
        return std::nullopt;
    }
    if (!read_exactly(descriptor, message, static_cast<std::size_t>(size) - header_size)) {
        return std::nullopt;
    }
    return message;
}

bool write_message(int descriptor, const std::string& message) {
    std::size_t done = 0;
    while (done < message.size()) {
        const auto count =
            send(descriptor, message.data() + done, message.size() - done, MSG_NOSIGNAL);
        if (count <= 0) return false;
        done += static_cast<std::size_t>(count);
    }
    return true;
}

// Returns the key of the first element of the command.
std::string command_of(const std::string& message) {
    std::size_t body = header_size + 5;  // OP_MSG: flags and the kind of the section
    if (int_at(message, 12) == op_query) {
        const auto name_end = message.find('\0', header_size + 4);
        body = name_end + 1 + 8;  // skip and return counts
    }
    const std::size_t first_key = body + 5;  // the size of the document and the type
    return message.c_str() + std::min(first_key, message.size());
}

std::string response_to(const std::string& request, const std::string& document) {
    const bool is_query = int_at(request, 12) == op_query;
    std::string body;
    append(body, is_query ? 8 : 0);  // the flags
    if (is_query) {
        append(body, 0);  // the cursor, 8 bytes
        append(body, 0);
        append(body, 0);  // the position of the first document
        append(body, 1);  // the number of documents
    } else {
        body += '\0';  // the kind of the section
    }
    body += document;
    std::string message;
    append(message, static_cast<std::int32_t>(header_size + body.size()));
    append(message, 1);
    append(message, int_at(request, 4));
    append(message, is_query ? op_reply : op_msg);
    return message + body;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

}  // namespace

connection_listener::connection_listener(std::function<void(int)> serve)
    : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 128) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_connections(); });
}

connection_listener::~connection_listener() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close_connections();
    for (auto& thread : threads_) thread.join();
    close(listener_);
}

void connection_listener::accept_connections() {
    while (true) {
        const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const std::lock_guard lock(mutex_);
        if (descriptor < 0 || is_stopping_ || is_closed_) {
            if (descriptor >= 0) close(descriptor);
            if (descriptor < 0 || is_stopping_) return;
            continue;
        }
        open_.push_back(descriptor);
        threads_.emplace_back([this, descriptor] {
            serve_(descriptor);
            const std::lock_guard guard(mutex_);
            std::erase(open_, descriptor);
            close(descriptor);
        });
    }
}

void connection_listener::close_connections() {
    const std::lock_guard lock(mutex_);
    for (const int descriptor : open_) shutdown(descriptor, SHUT_RDWR);
}

void connection_listener::set_closed(bool is_closed) {
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = is_closed;
    }
    if (is_closed) close_connections();
}

scripted_mongo_server::scripted_mongo_server(handler handle)
    : handle_(std::move(handle)), listener_([this](int descriptor) {
          while (const auto request = read_message(descriptor)) {
              const auto response = handle_(command_of(*request), *request);
              if (!response || !write_message(descriptor, response_to(*request, *response))) return;
          }
      }) {}

std::string scripted_mongo_server::address() const {
    return fmt::format("127.0.0.1:{}", listener_.port());
}

mongo_proxy::mongo_proxy(std::uint16_t target)
    : target_(target), listener_([this](int descriptor) { serve(descriptor); }) {}

bool mongo_proxy::take(std::map<std::string, int>& losses, const std::string& command) {
    const std::lock_guard lock(mutex_);
    const auto it = losses.find(command);
    if (it == losses.end() || it->second == 0) return false;
    --it->second;
    return true;
}

void mongo_proxy::serve(int client) {
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(target_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        while (const auto request = read_message(client)) {
            const auto command = command_of(*request);
            if (take(lost_requests_, command)) break;
            if (!write_message(server, *request)) break;
            const auto response = read_message(server);
            {
                const std::lock_guard lock(mutex_);
                ++passed_[command];
            }
            if (!response || take(lost_responses_, command)) break;
            if (!write_message(client, *response)) break;
        }
    }
    close(server);
}

void mongo_proxy::lose_next_response(const std::string& command) {
    const std::lock_guard lock(mutex_);
    ++lost_responses_[command];
}

void mongo_proxy::lose_next_request(const std::string& command) {
    const std::lock_guard lock(mutex_);
    ++lost_requests_[command];
}

void mongo_proxy::set_down(bool is_down) {
    listener_.set_closed(is_down);
}

int mongo_proxy::passed(const std::string& command) {
    const std::lock_guard lock(mutex_);
    return passed_[command];
}

std::string mongo_proxy::url(const std::string& database) const {
    return fmt::format("mongodb://127.0.0.1:{}/{}", listener_.port(), database);
}

}  // namespace fakes
