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
#include <filesystem>
#include <fstream>
#include <optional>

#include "aio/deadline.hpp"
#include "base/errno_text.hpp"

namespace runtime {
namespace {

using base::errc;
using base::fail;

constexpr uid_t nobody = 65534;

// Grants the smallest available capability that allows entering closed folders: to read, or in
// containers without it, also to write. Runs between fork and exec: system calls only.
void grant_search_capability() {
    for (const int right : {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE}) {
        __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        const auto one = 1U << static_cast<unsigned>(right);
        __user_cap_data_struct data[2]{{.effective = one, .permitted = one, .inheritable = one}};
        if (syscall(SYS_capset, &head, data) != 0) continue;
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0);
        return;
    }
}

[[noreturn]] void become(const command& spec, const run_user& as, char* const* arguments,
                         char* const* environment, int log, pid_t parent) {
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
    }
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    if (!spec.folder.empty() && chdir(spec.folder.c_str()) != 0) _exit(126);
    if (as.is_other) {
        if (as.needs_search_capability) prctl(PR_SET_KEEPCAPS, 1);
        // Direct system calls: the functions of libc synchronise threads, which a fork does not
        // have.
        if (syscall(SYS_setgroups, 0, nullptr) != 0 ||
            syscall(SYS_setresgid, as.gid, as.gid, as.gid) != 0 ||
            syscall(SYS_setresuid, as.uid, as.uid, as.uid) != 0) {
            _exit(126);
        }
        if (as.needs_search_capability) grant_search_capability();
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // must follow the change of user, which resets it
    }
    // Asio opens sockets without close-on-exec.
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) _exit(126);
    execve(spec.program.c_str(), arguments, environment);
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

    aio::task<> stop(int number, std::chrono::milliseconds timeout) override {
        if (!signal(number)) co_return base::ok();
        const auto until = std::chrono::steady_clock::now() + timeout;
        bool is_cancelled = false;  // kill without a grace period
        while (!reap()) {
            if (is_cancelled || std::chrono::steady_clock::now() >= until) {
                ::kill(-pid_, SIGKILL);
                ::kill(pid_, SIGKILL);
                int status = 0;
                ::waitpid(pid_, &status, 0);
                status_ = -SIGKILL;
                break;
            }
            auto paused = co_await aio::sleep_for(std::chrono::milliseconds(10));
            is_cancelled = !paused;
        }
        co_return base::ok();
    }

  private:
    bool reap() {
        if (status_) return true;
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        // Its children must not keep its port or its shared memory.
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
            user.needs_search_capability = true;
        }
    }
    return user;
}

base::outcome<void> change_owner(const run_user& user, const std::string& path) {
    if (!user.is_other || ::chown(path.c_str(), user.uid, user.gid) == 0) return {};
    return fail(errc::denied, fmt::format("'{}' cannot be given to the engines' user: {}", path,
                                          base::errno_text(errno)));
}

base::outcome<std::unique_ptr<process>> spawn(command spec, const run_user& as) {
    if (::access(spec.program.c_str(), X_OK) != 0) {
        return fail(errc::not_found, fmt::format("'{}' is not installed", spec.program));
    }
    std::vector<char*> arguments{spec.program.data()};
    for (auto& each : spec.arguments) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    spec.environment.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
    spec.environment.try_emplace("LANG", "C.UTF-8");
    spec.environment.try_emplace("HOME", spec.folder);
    std::vector<std::string> pairs;
    pairs.reserve(spec.environment.size());
    for (const auto& [name, value] : spec.environment) pairs.push_back(name + "=" + value);
    std::vector<char*> environment;
    environment.reserve(pairs.size() + 1);
    for (auto& each : pairs) environment.push_back(each.data());
    environment.push_back(nullptr);
    int log = -1;
    if (!spec.log_path.empty()) {
        bound_log(spec.log_path);
        log = ::open(spec.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    const auto parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(spec, as, arguments.data(), environment.data(), log, parent);
    if (log >= 0) ::close(log);
    if (pid < 0) return fail(errc::unavailable, fmt::format("fork: {}", base::errno_text(errno)));
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return fail(errc::unavailable, fmt::format("pidfd: {}", base::errno_text(errno)));
    }
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    return std::make_unique<child>(pid, pidfd);
}

aio::task<> run(command spec, run_user as, std::chrono::milliseconds timeout,
                const bool& is_stopping) {
    constexpr auto turn = std::chrono::milliseconds(50);
    const auto program = spec.program;
    const auto log = spec.log_path;
    auto created = spawn(std::move(spec), as);
    if (!created) co_return base::pass(std::move(created));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto status =
            co_await aio::with_deadline(std::min(now + turn, deadline), (*created)->ended());
        if (status && *status == 0) co_return base::ok();
        if (status) {
            co_return fail(errc::unavailable,
                           fmt::format("{} ended with {}: {}", program, *status, last_line(log)));
        }
        if (status.error().code != errc::timed_out) co_return base::pass(std::move(status));
        if (is_stopping) co_return fail(errc::cancelled, program + " was stopped");
        if (now >= deadline) co_return base::pass(std::move(status), program);
    }
}

std::size_t kill_processes(const work_folder& place, const run_user& user) {
    std::error_code error;
    const auto root = std::filesystem::canonical(place.folder, error).string();
    const auto program = std::filesystem::canonical(place.program, error).string();
    if (root.empty() || program.empty()) return 0;
    const auto uid = user.is_other ? user.uid : geteuid();
    std::size_t killed = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc", error)) {
        const auto name = each.path().filename().string();
        pid_t pid = 0;
        std::from_chars(name.data(), name.data() + name.size(), pid);
        struct stat info{};
        if (pid <= 0 || stat(each.path().c_str(), &info) != 0 || info.st_uid != uid) continue;
        // Opens the pidfd first, so that the signal cannot reach a later process with the same
        // number.
        const int process_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
        if (process_fd < 0) continue;
        const auto cwd = std::filesystem::read_symlink(each.path() / "cwd", error).string();
        const auto file = std::filesystem::read_symlink(each.path() / "exe", error).string();
        const bool is_inside = cwd == root || cwd.starts_with(root + "/");
        // An update of the package appends "(deleted)" to the name.
        if (is_inside && (file == program || file == program + " (deleted)")) {
            syscall(SYS_pidfd_send_signal, process_fd, SIGKILL, nullptr, 0);
            ++killed;
        }
        ::close(process_fd);
    }
    return killed;
}

void bound_log(const std::string& path, std::uintmax_t bytes_max) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) <= bytes_max || error) return;
    // The writer has the file open for append, so copy and truncate it instead of renaming.
    std::filesystem::copy_file(path, path + ".old",
                               std::filesystem::copy_options::overwrite_existing, error);
    std::filesystem::resize_file(path, 0, error);
}

}  // namespace runtime
