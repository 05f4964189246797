// dbaas_bench_listen PORT COUNT PATH UNTIL: opens COUNT connections, requests PATH on each and
// reports the received lines. A connection is ready after a line that contains UNTIL. A separate
// program, so that the client of thousands of streams costs little compared with the measured
// server. Commands are lines on standard input. Each JSON object that the program prints is one
// line: first {"opened":n}, then {"ready":n,"seconds":s,"bytes":n}. The commands return:
//   mark A B   {"marked":true}, then {"first":ns,"last":ns} (CLOCK_MONOTONIC) when each connection
//              has received a data line that contains both words
//   count      {"data_lines":sum,"bytes":sum,"min":n,"max":n,"closed":n}; all except closed since
//              the last count
// The program ends when its standard input ends.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct connection {
    int fd = -1;
    std::string rest{};  // an incomplete line
    bool is_ready = false;
    bool has_mark = false;
    bool is_open = true;
    std::uint64_t data_lines = 0;
};

std::int64_t now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

void print_line(const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
}

class listeners {
  public:
    listeners(std::uint16_t port, std::string path, std::string until)
        : poll_(epoll_create1(EPOLL_CLOEXEC)), port_(port), until_(std::move(until)) {
        request_ = fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", path, port);
        watch(STDIN_FILENO, UINT64_MAX);
    }

    // Opens the connections. Returns their number, which the limit of open files may reduce.
    std::size_t open(std::size_t count) {
        all_.reserve(count);
        while (all_.size() < count && open_one()) {
        }
        return all_.size();
    }

    // Runs until standard input ends or every connection is closed.
    void run() {
        begun_ = now();
        std::array<epoll_event, 256> events{};
        while (!is_over_ && closed_ < all_.size()) {
            const int count = epoll_wait(poll_, events.data(), int(events.size()), -1);
            for (int index = 0; index < count; ++index) {
                const auto number = events[std::size_t(index)].data.u64;
                if (number == UINT64_MAX) {
                    read_commands();
                } else {
                    read(all_[number]);
                }
            }
        }
    }

  private:
    void watch(int fd, std::uint64_t number) const {
        epoll_event wanted{.events = EPOLLIN, .data = {.u64 = number}};
        epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &wanted);
    }

    bool open_one() {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return false;
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto size = ssize_t(request_.size());
        if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            send(fd, request_.data(), request_.size(), MSG_NOSIGNAL) != size) {
            close(fd);
            return false;
        }
        fcntl(fd, F_SETFL, O_NONBLOCK);
        watch(fd, all_.size());
        all_.push_back({.fd = fd});
        return true;
    }

    void read(connection& client) {
        const auto count = recv(client.fd, buffer_.data(), buffer_.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) {
            if (std::exchange(client.is_open, false)) ++closed_;
            close(client.fd);
            return;
        }
        bytes_ += std::uint64_t(count);
        std::string_view text(buffer_.data(), std::size_t(count));
        for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
            const auto part = text.substr(0, end);
            text.remove_prefix(end + 1);
            if (client.rest.empty()) {
                take(client, part);
            } else {
                client.rest += part;
                take(client, client.rest);
                client.rest.clear();
            }
        }
        client.rest += text;
    }

    void take(connection& client, std::string_view line) {
        if (!client.is_ready && line.find(until_) != line.npos) {
            client.is_ready = true;
            client.data_lines = 0;
            if (++ready_ == all_.size()) {
                print_line(fmt::format("{{\"ready\":{},\"seconds\":{:.3f},\"bytes\":{}}}", ready_,
                                       double(now() - begun_) / 1e9, bytes_));
                bytes_ = 0;
            }
            return;
        }
        if (!line.starts_with("data: ")) return;
        ++client.data_lines;
        if (!is_marking_ || client.has_mark || line.find(first_word_) == line.npos ||
            line.find(second_word_) == line.npos) {
            return;
        }
        client.has_mark = true;
        if (marked_++ == 0) first_at_ = now();
        if (marked_ == all_.size()) {
            is_marking_ = false;
            print_line(fmt::format("{{\"first\":{},\"last\":{}}}", first_at_, now()));
        }
    }

    void read_commands() {
        const auto count = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
        is_over_ = count == 0 || (count < 0 && errno != EINTR);
        if (count <= 0) return;
        commands_.append(buffer_.data(), std::size_t(count));
        for (auto end = commands_.find('\n'); end != commands_.npos; end = commands_.find('\n')) {
            execute(commands_.substr(0, end));
            commands_.erase(0, end + 1);
        }
    }

    void execute(const std::string& command) {
        if (command == "count") return print_counts();
        const auto first = command.find(' ');
        const auto second = command.find(' ', first + 1);
        if (!command.starts_with("mark ") || second == command.npos) {
            return print_line(R"({"error":"unknown command"})");
        }
        first_word_ = command.substr(first + 1, second - first - 1);
        second_word_ = command.substr(second + 1);
        for (auto& client : all_) client.has_mark = false;
        marked_ = 0;
        is_marking_ = true;
        print_line(R"({"marked":true})");
    }

    void print_counts() {
        std::uint64_t sum = 0;
        std::uint64_t min = UINT64_MAX;
        std::uint64_t max = 0;
        for (auto& client : all_) {
            sum += client.data_lines;
            min = std::min(min, client.data_lines);
            max = std::max(max, client.data_lines);
            client.data_lines = 0;
        }
        print_line(
            fmt::format("{{\"data_lines\":{},\"bytes\":{},\"min\":{},\"max\":{},\"closed\":{}}}",
                        sum, std::exchange(bytes_, 0), min, max, closed_));
    }

    int poll_;
    std::uint16_t port_;
    std::string until_;
    std::string request_;
    std::vector<connection> all_;
    std::array<char, 64 * 1024> buffer_{};
    std::string commands_;
    bool is_over_ = false;
    std::size_t ready_ = 0;
    std::size_t closed_ = 0;
    std::uint64_t bytes_ = 0;
    std::int64_t begun_ = 0;
    bool is_marking_ = false;
    std::string first_word_;
    std::string second_word_;
    std::size_t marked_ = 0;
    std::int64_t first_at_ = 0;
};

}  // namespace

int main(int count, char** words) {
    if (count != 5) {
        std::fputs("usage: dbaas_bench_listen PORT COUNT PATH UNTIL\n", stderr);
        return 2;
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    listeners all(std::uint16_t(std::atoi(words[1])), words[3], words[4]);
    const auto wanted = std::size_t(std::atoll(words[2]));
    print_line(fmt::format("{{\"opened\":{}}}", all.open(wanted)));
    all.run();
    return 0;
}
