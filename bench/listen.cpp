// dbaas_bench_listen PORT COUNT PATH UNTIL: holds COUNT connections that asked for PATH, each with
// a line that holds UNTIL, and tells what they hear. A program of its own, so that the client of a
// thousand streams costs little beside the server that is measured. Commands are lines on the
// standard input; each is answered with a JSON object on a line, as is the beginning:
//   mark A B   {"marked":true}, and {"first":ns,"last":ns} (CLOCK_MONOTONIC) once each connection
//              has had a data line that holds both words
//   count      {"data_lines":sum,"bytes":sum,"least":n,"most":n} since the last count
// Ends with its standard input.
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
    std::string rest{};  // of a line that is not complete
    bool is_ready = false;
    bool has_mark = false;
    bool is_open = true;
    std::uint64_t data_lines = 0;
};

std::int64_t now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

void tell(const std::string& line) {
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

    // How many could be opened; the limit of open files may be lower than what was asked for.
    std::size_t open(std::size_t count) {
        all_.reserve(count);
        while (all_.size() < count && open_one()) {
        }
        return all_.size();
    }

    // Until the standard input ends, or no connection is left.
    void run() {
        begun_ = now();
        std::array<epoll_event, 256> found{};
        while (!is_over_ && gone_ < all_.size()) {
            const int count = epoll_wait(poll_, found.data(), int(found.size()), -1);
            for (int at = 0; at < count; ++at) {
                const auto which = found[std::size_t(at)].data.u64;
                if (which == UINT64_MAX) {
                    read_commands();
                } else {
                    read(all_[which]);
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
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port_);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto size = ssize_t(request_.size());
        if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 ||
            send(fd, request_.data(), request_.size(), MSG_NOSIGNAL) != size) {
            close(fd);
            return false;
        }
        fcntl(fd, F_SETFL, O_NONBLOCK);
        watch(fd, all_.size());
        all_.push_back({.fd = fd});
        return true;
    }

    void read(connection& from) {
        const auto count = recv(from.fd, buffer_.data(), buffer_.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) {
            if (std::exchange(from.is_open, false)) ++gone_;
            close(from.fd);
            return;
        }
        bytes_ += std::uint64_t(count);
        std::string_view text(buffer_.data(), std::size_t(count));
        for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
            const auto part = text.substr(0, end);
            text.remove_prefix(end + 1);
            if (from.rest.empty()) {
                take(from, part);
            } else {
                from.rest += part;
                take(from, from.rest);
                from.rest.clear();
            }
        }
        from.rest += text;
    }

    void take(connection& from, std::string_view line) {
        if (!from.is_ready && line.find(until_) != line.npos) {
            from.is_ready = true;
            from.data_lines = 0;
            if (++ready_ == all_.size()) {
                tell(fmt::format("{{\"ready\":{},\"seconds\":{:.3f},\"bytes\":{}}}", ready_,
                                 double(now() - begun_) / 1e9, bytes_));
                bytes_ = 0;
            }
            return;
        }
        if (!line.starts_with("data: ")) return;
        ++from.data_lines;
        if (!is_marking_ || from.has_mark || line.find(first_word_) == line.npos ||
            line.find(second_word_) == line.npos) {
            return;
        }
        from.has_mark = true;
        if (marked_++ == 0) first_at_ = now();
        if (marked_ == all_.size()) {
            is_marking_ = false;
            tell(fmt::format("{{\"first\":{},\"last\":{}}}", first_at_, now()));
        }
    }

    void read_commands() {
        const auto count = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
        is_over_ = count == 0 || (count < 0 && errno != EINTR);
        if (count <= 0) return;
        commands_.append(buffer_.data(), std::size_t(count));
        for (auto end = commands_.find('\n'); end != commands_.npos; end = commands_.find('\n')) {
            obey(commands_.substr(0, end));
            commands_.erase(0, end + 1);
        }
    }

    void obey(const std::string& command) {
        if (command == "count") return tell_counts();
        const auto first = command.find(' ');
        const auto second = command.find(' ', first + 1);
        if (!command.starts_with("mark ") || second == command.npos) {
            return tell(R"({"error":"no such command"})");
        }
        first_word_ = command.substr(first + 1, second - first - 1);
        second_word_ = command.substr(second + 1);
        for (auto& each : all_) each.has_mark = false;
        marked_ = 0;
        is_marking_ = true;
        tell(R"({"marked":true})");
    }

    void tell_counts() {
        std::uint64_t sum = 0;
        std::uint64_t least = UINT64_MAX;
        std::uint64_t most = 0;
        for (auto& each : all_) {
            sum += each.data_lines;
            least = std::min(least, each.data_lines);
            most = std::max(most, each.data_lines);
            each.data_lines = 0;
        }
        tell(fmt::format("{{\"data_lines\":{},\"bytes\":{},\"least\":{},\"most\":{},\"gone\":{}}}",
                         sum, std::exchange(bytes_, 0), least, most, gone_));
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
    std::size_t gone_ = 0;
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
    tell(fmt::format("{{\"opened\":{}}}", all.open(wanted)));
    all.run();
    return 0;
}
