// dbaas-devcluster: a local stand-in for a Kubernetes cluster with KubeDB. For development, tests
// and demonstrations; never for production.

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <thread>

#include "aio/aio.hpp"
#include "base/random_id.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "devcluster/controller/operator.hpp"
#include "devcluster/synthetic/synthetic_cluster.hpp"
#include "kube/kubeconfig.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas-devcluster serve [FLAGS]    (a flag as first word means serve)
       dbaas-devcluster operate --data DIR --kubeconfig FILE [FLAGS]

Serves the Kubernetes API on 127.0.0.1 and runs KubeDB objects as local processes: PostgreSQL,
Redis, MariaDB and Memcached with their exporters. It stands in for a cluster with KubeDB's own
operator.

'operate' is the operator alone, for the cluster of a kubeconfig: pods get made-up addresses of
198.18.0.0/15, which the cluster's egress selector has to lead to 127.0.0.1.

  --data DIR          where everything is kept (made when it is not there); without it 'serve' uses
                      a temporary folder, which it removes when it ends
  --kubeconfig FILE   write a kubeconfig for clients there, once the cluster offers its engines
  --port N            port of the API; 0, the default, takes the one of the last start, or any
  --no-operator       only the API server
  --synthetic N       play up to N databases instead of running them: for proofs of scale
  --seed N            of what is played; the same seed plays the same (1)
  --flaps-per-second R
                      played databases that fall ill for two seconds (0)
  --runtime process   what databases become: processes of this machine, the only runtime so far
  --log-level LEVEL   debug, info (default), warning, error
  --log-format FORMAT json, console; the default is console on a terminal
  --help              this text

SIGTERM and Ctrl-C stop every process that it started; a second one stops at once.
)";

struct options {
    std::string data;
    std::string kubeconfig;
    std::uint16_t port = 0;
    obs::level level = obs::level::info;
    obs::log_format format = obs::log_format::json;
    bool runs_operator = true;
    std::size_t synthetic = 0;  // databases; 0: real ones
    std::uint64_t seed = 1;
    double flaps_per_second = 0;
};

int complain(const std::string& text) {
    std::fprintf(stderr, "dbaas-devcluster: %s\n'dbaas-devcluster --help' lists the flags.\n",
                 text.c_str());
    return 2;
}

template <class Number>
bool parse_number(const std::string& value, Number& into) {
    const auto* const end = value.data() + value.size();
    const auto [at, error] = std::from_chars(value.data(), end, into);
    return error == std::errc() && at == end;
}

// Empty: taken; else what is wrong.
std::string take(const std::string& word, const std::string& value, options& into) {
    static const std::map<std::string, obs::level> levels{{"debug", obs::level::debug},
                                                          {"info", obs::level::info},
                                                          {"warning", obs::level::warning},
                                                          {"error", obs::level::error}};
    if (word == "--data") {
        into.data = value;
    } else if (word == "--kubeconfig") {
        into.kubeconfig = value;
    } else if (word == "--port") {
        if (!parse_number(value, into.port)) return "--port must be a number from 0 to 65535";
    } else if (word == "--synthetic") {
        if (!parse_number(value, into.synthetic) || into.synthetic == 0) {
            return "--synthetic must be a number of databases";
        }
    } else if (word == "--seed") {
        if (!parse_number(value, into.seed)) return "--seed must be a number";
    } else if (word == "--flaps-per-second") {
        if (!parse_number(value, into.flaps_per_second) || into.flaps_per_second < 0) {
            return "--flaps-per-second must be a number that is not negative";
        }
    } else if (word == "--runtime") {
        if (value != "process") return "--runtime: there is only 'process'";
    } else if (word == "--log-level") {
        if (!levels.contains(value)) return "--log-level: no such level";
        into.level = levels.at(value);
    } else if (word == "--log-format") {
        if (value != "json" && value != "console") return "--log-format must be json or console";
        into.format = value == "json" ? obs::log_format::json : obs::log_format::console;
    } else {
        return "no such flag '" + word + "'";
    }
    return {};
}

int parse(std::span<char*> words, options& into) {
    if (isatty(2) != 0) into.format = obs::log_format::console;
    for (std::size_t at = 0; at < words.size(); ++at) {
        const std::string word = words[at];
        if (word == "--no-operator") {
            into.runs_operator = false;
            continue;
        }
        if (at + 1 >= words.size()) return complain("'" + word + "' needs a value");
        const auto wrong = take(word, words[++at], into);
        if (!wrong.empty()) return complain(wrong);
    }
    return 0;
}

// One process per folder: the lock is the process's until it ends.
int lock_folder(const std::string& path) {
    const int fd = open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) return -1;
    return fd;
}

bool write_kubeconfig(const std::string& path, const std::string& text) {
    const auto fresh = path + ".new";
    const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    close(fd);
    return whole && rename(fresh.c_str(), path.c_str()) == 0;
}

// The token outlives restarts: clients keep their kubeconfig.
std::string token_of(const std::string& data) {
    const auto path = data + "/token";
    std::string token;
    std::ifstream(path) >> token;
    if (token.empty()) {
        token = base::random_id("", 32);
        write_kubeconfig(path, token);
    }
    return token;
}

// Everything on the main thread: children die with the thread that started them.
int run_operator(kube::config cluster, const controller::operator_options& how, obs::log& log,
                 sigset_t signals) {
    aio::loop loop;
    aio::blocking_pool pool(8, 4096);
    kube::client_options client{
        .config = std::move(cluster), .user_agent = "local-operator", .log = &log};
    auto made = kube::make_client(loop.executor(), std::move(client));
    if (!made) return complain(made.error().text);
    auto local =
        controller::make_operator(loop.executor(), **made, pool, base::system_clock(), log, how);
    aio::task_group work(loop.executor());
    aio::task_group stopping(loop.executor());
    int status = 0;
    work.on_failure([&log, &status](const base::failure& why) {
        log.error("operator_failed", {{"detail", why.text}});
        status = 1;
        kill(getpid(), SIGTERM);
    });
    work.spawn(local->run());
    loop.keep_alive();
    std::thread waiter([&] {
        int got = 0;
        sigwait(&signals, &got);
        log.info("stopping", {{"signal", got}});
        loop.post([&] {
            work.cancel();
            stopping.spawn([&]() -> aio::task<> {
                co_await work.join();
                co_await local->stop();
                loop.release();
                co_return base::ok();
            });
        });
        std::thread([signals] {
            int again = 0;
            sigwait(&signals, &again);
            _exit(128 + again);
        }).detach();
    });
    loop.run();
    waiter.join();
    return status;
}

apiserver::make_simulator played(const options& how, obs::log& log) {
    if (how.synthetic == 0) return {};
    const synthetic::cluster_options scene{.capacity = how.synthetic,
                                           .seed = how.seed,
                                           .flaps_per_second = how.flaps_per_second,
                                           .log = &log};
    return
        [scene](aio::executor on, apiserver::api_core& content, apiserver::object_store& objects) {
            return synthetic::make_cluster(std::move(on), content, objects, scene);
        };
}

// Those that end the program, blocked: somebody waits for them.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

// Where everything is kept; one that was made up for this run goes with it.
class data_folder {
  public:
    explicit data_folder(std::string given) : path_(std::move(given)), passes_(path_.empty()) {
        std::error_code error;
        const auto fresh = base::random_id("dbaas-devcluster-");
        if (passes_) path_ = std::filesystem::temp_directory_path(error) / fresh;
        path_ = std::filesystem::absolute(path_, error);
    }
    ~data_folder() {
        std::error_code error;
        if (passes_ && is_ours_) std::filesystem::remove_all(path_, error);
    }
    data_folder(const data_folder&) = delete;
    data_folder& operator=(const data_folder&) = delete;
    // Makes it and takes it for this process; false when it cannot be had, which was said then.
    bool take();
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
    bool passes_;
    bool is_ours_ = false;
};

bool data_folder::take() {
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    // The engines' user passes through; nobody looks around.
    if (passes_) std::filesystem::permissions(path_, std::filesystem::perms(0711), error);
    std::string wrong;
    if (error) {
        wrong = "cannot be made: " + error.message();
    } else if (lock_folder(path_) < 0) {
        wrong = "is in use by another dbaas-devcluster";
    }
    is_ours_ = wrong.empty();
    if (!is_ours_) complain("'" + path_ + "' " + wrong);
    return is_ours_;
}

std::unique_ptr<obs::log_service> start_log(const options& how) {
    return obs::make_log({.least = how.level, .format = how.format, .app = "dbaas-devcluster"});
}

int operate(const options& how) {
    const auto signals = block_signals();
    if (how.data.empty()) return complain("--data must be given");
    data_folder data(how.data);
    if (!data.take()) return 2;
    if (how.kubeconfig.empty()) return complain("--kubeconfig must name the cluster");
    auto cluster = kube::load_kubeconfig(how.kubeconfig);
    if (!cluster) return complain(cluster.error().text);
    const auto log = start_log(how);
    log->info("operating", {{"kubeconfig", how.kubeconfig}});
    const int status = run_operator(
        std::move(*cluster), {.data_dir = data.path(), .makes_up_addresses = true}, *log, signals);
    log->info("stopped");
    return status;
}

int serve(const options& how) {
    const auto signals = block_signals();
    data_folder data(how.data);
    if (!data.take()) return 2;
    const auto log = start_log(how);
    const auto token = token_of(data.path());
    auto started = apiserver::start({.port = how.port,
                                     .data_dir = data.path() + "/apiserver",
                                     .token = token,
                                     .log = log.get(),
                                     .simulator = played(how, *log)});
    if (!started) return complain(started.error().text);
    log->info("serving", {{"address", "http://127.0.0.1:" + std::to_string((*started)->port())},
                          {"data", data.path()}});
    const bool operates = how.runs_operator && how.synthetic == 0;
    // Who waits for the kubeconfig finds a cluster that offers its engines.
    bool is_told = true;
    const auto tell_clients = [&] {
        is_told =
            how.kubeconfig.empty() || write_kubeconfig(how.kubeconfig, (*started)->kubeconfig());
        if (is_told) return;
        complain("'" + how.kubeconfig + "' cannot be written");
        if (operates) kill(getpid(), SIGTERM);
    };
    if (!operates) {
        tell_clients();
        if (!is_told) return 2;
        int got = 0;
        sigwait(&signals, &got);
        return 0;
    }
    const int status = run_operator(
        {.server = {.host = "127.0.0.1", .port = (*started)->port()}, .token = base::secret(token)},
        {.data_dir = data.path(), .on_offered = tell_clients}, *log, signals);
    log->info("stopped");
    return is_told ? status : 2;
}

}  // namespace

int main(int count, char** words) {
    auto rest = std::span(words, static_cast<std::size_t>(count)).subspan(count > 0 ? 1 : 0);
    std::string command = rest.empty() ? "" : rest[0];
    const auto asks = [](std::string_view word) { return word == "--help" || word == "-h"; };
    if (command == "help" || asks(command) || (rest.size() > 1 && asks(rest[1]))) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (command.starts_with("--")) {
        command = "serve";
    } else if (command == "serve" || command == "operate") {
        rest = rest.subspan(1);
    } else {
        std::fputs(usage, stderr);
        return 2;
    }
    options how;
    const int bad = parse(rest, how);
    if (bad != 0) return bad;
    return command == "serve" ? serve(how) : operate(how);
}
