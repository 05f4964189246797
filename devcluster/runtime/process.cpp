#include "devcluster/runtime/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "aio/deadline.hpp"

namespace runtime {
namespace {

using base::errc;
using base::fail;

constexpr uid_t nobody = 65534;

// The least that passes closed folders: to read, or, in containers that do not have that right to
// give, to write as well. Between fork and exec: system calls only.
void give_search_right() {
    for (const int right : {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE}) {
        __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        const auto one = 1U << static_cast<unsigned>(right);
        __user_cap_data_struct data[2]{{.effective = one, .permitted = one, .inheritable = one}};
        if (syscall(SYS_capset, &head, data) != 0) continue;
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0);
        return;
    }
}

[[noreturn]] void become(const command& what, const run_user& as, char* const* arguments,
                         char* const* environment, int log, pid_t parent) {
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
    }
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    if (!what.folder.empty() && chdir(what.folder.c_str()) != 0) _exit(126);
    if (as.is_other) {
        if (as.needs_search_right) prctl(PR_SET_KEEPCAPS, 1);
        // The bare calls: those of libc want to tell other threads, of which a fork has none.
        if (syscall(SYS_setgroups, 0, nullptr) != 0 ||
            syscall(SYS_setresgid, as.gid, as.gid, as.gid) != 0 ||
            syscall(SYS_setresuid, as.uid, as.uid, as.uid) != 0) {
            _exit(126);
        }
        if (as.needs_search_right) give_search_right();
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user forgets it
    }
    // Not everything of ours is marked to be closed: Asio opens its sockets without.
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) _exit(126);
    execve(what.program.c_str(), arguments, environment);
    _exit(127);
}

class child final : public process {
  public:
    child(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
    ~child() override {
        if (!status_) {
            ::kill(-pid_, SIGKILL);
            ::kill(pid_, SIGKILL);
            int status = 0;
            ::waitpid(pid_, &status, 0);
        }
        ::close(pidfd_);
    }
    [[nodiscard]] pid_t pid() const noexcept override { return pid_; }

    aio::task<int> ended() override {
        while (!reap()) {
            auto woken = co_await aio::wait_readable(pidfd_);
            if (!woken) co_return base::pass(std::move(woken));
        }
        co_return *status_;
    }

    bool signal(int number) override { return !reap() && ::kill(pid_, number) == 0; }
    [[nodiscard]] bool is_alive() override { return !reap(); }

    aio::task<> stop(int number, std::chrono::milliseconds patience) override {
        if (!signal(number)) co_return base::ok();
        const auto until = std::chrono::steady_clock::now() + patience;
        bool is_hurried = false;  // we are being cancelled: no time for kindness
        while (!reap()) {
            if (is_hurried || std::chrono::steady_clock::now() >= until) {
                ::kill(-pid_, SIGKILL);
                ::kill(pid_, SIGKILL);
                int status = 0;
                ::waitpid(pid_, &status, 0);
                status_ = -SIGKILL;
                break;
            }
            auto paused = co_await aio::sleep_for(std::chrono::milliseconds(10));
            is_hurried = !paused;
        }
        co_return base::ok();
    }

  private:
    bool reap() {
        if (status_) return true;
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        // Its own children must not hold its port or its shared memory any longer.
        ::kill(-pid_, SIGKILL);
        return true;
    }
    pid_t pid_;
    int pidfd_;
    std::optional<int> status_;
};

std::string last_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::string last;
    while (std::getline(file, line)) {
        if (!line.empty()) last = line;
    }
    return last;
}

}  // namespace

run_user choose_user(const std::string& data_folder) {
    run_user user;
    if (geteuid() != 0) return user;
    user = {.is_other = true, .uid = nobody, .gid = nobody};
    std::error_code error;
    for (auto path = std::filesystem::absolute(data_folder, error); path != path.root_path();
         path = path.parent_path()) {
        struct stat info{};
        if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0) {
            user.needs_search_right = true;
        }
    }
    return user;
}

base::outcome<void> hand_over(const run_user& to, const std::string& path) {
    if (!to.is_other || ::chown(path.c_str(), to.uid, to.gid) == 0) return {};
    return fail(errc::denied, fmt::format("'{}' cannot be given to the engines' user: {}", path,
                                          std::strerror(errno)));
}

base::outcome<std::unique_ptr<process>> spawn(command what, const run_user& as) {
    if (::access(what.program.c_str(), X_OK) != 0) {
        return fail(errc::not_found, fmt::format("'{}' is not installed", what.program));
    }
    std::vector<char*> arguments{what.program.data()};
    for (auto& each : what.arguments) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    what.environment.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
    what.environment.try_emplace("LANG", "C.UTF-8");
    what.environment.try_emplace("HOME", what.folder);
    std::vector<std::string> pairs;
    for (const auto& [name, value] : what.environment) pairs.push_back(name + "=" + value);
    std::vector<char*> environment;
    for (auto& each : pairs) environment.push_back(each.data());
    environment.push_back(nullptr);
    int log = -1;
    if (!what.log_path.empty()) {
        bound_log(what.log_path);
        log = ::open(what.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    const auto parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(what, as, arguments.data(), environment.data(), log, parent);
    if (log >= 0) ::close(log);
    if (pid < 0) return fail(errc::unavailable, fmt::format("fork: {}", std::strerror(errno)));
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return fail(errc::unavailable, fmt::format("pidfd: {}", std::strerror(errno)));
    }
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    return std::make_unique<child>(pid, pidfd);
}

aio::task<> run(command what, run_user as, std::chrono::milliseconds patience,
                const bool& is_stopping) {
    constexpr auto turn = std::chrono::milliseconds(50);
    const auto program = what.program;
    const auto log = what.log_path;
    auto made = spawn(std::move(what), as);
    if (!made) co_return base::pass(std::move(made));
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto status = co_await aio::with_deadline(std::min(now + turn, give_up), (*made)->ended());
        if (status && *status == 0) co_return base::ok();
        if (status) {
            co_return fail(errc::unavailable,
                           fmt::format("{} ended with {}: {}", program, *status, last_line(log)));
        }
        if (status.error().code != errc::timed_out) co_return base::pass(std::move(status));
        if (is_stopping) co_return fail(errc::cancelled, program + " was stopped");
        if (now >= give_up) co_return base::pass(std::move(status), program);
    }
}

std::size_t kill_processes(const place_of_work& at, const run_user& of) {
    std::error_code error;
    const auto root = std::filesystem::canonical(at.folder, error).string();
    const auto program = std::filesystem::canonical(at.program, error).string();
    if (root.empty() || program.empty()) return 0;
    const auto uid = of.is_other ? of.uid : geteuid();
    std::size_t killed = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc", error)) {
        const auto name = each.path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        struct stat info{};
        if (pid <= 0 || stat(each.path().c_str(), &info) != 0 || info.st_uid != uid) continue;
        // Held before it is looked at: the number is not another one's when the signal goes out.
        const int held = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
        if (held < 0) continue;
        const auto home = std::filesystem::read_symlink(each.path() / "cwd", error).string();
        const auto file = std::filesystem::read_symlink(each.path() / "exe", error).string();
        const bool is_there = home == root || home.starts_with(root + "/");
        // An update of the package leaves "(deleted)" behind the name.
        if (is_there && (file == program || file == program + " (deleted)")) {
            syscall(SYS_pidfd_send_signal, held, SIGKILL, nullptr, 0);
            ++killed;
        }
        ::close(held);
    }
    return killed;
}

void bound_log(const std::string& path, std::uintmax_t bytes_max) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) <= bytes_max || error) return;
    // The writer holds the file open to append: it is copied and emptied, not moved.
    std::filesystem::copy_file(path, path + ".old",
                               std::filesystem::copy_options::overwrite_existing, error);
    std::filesystem::resize_file(path, 0, error);
}

}  // namespace runtime
