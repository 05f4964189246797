// dbaas-devcluster: a local replacement of a Kubernetes cluster with KubeDB, for development, tests
// and demonstrations. Not for production.

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
    R"(usage: dbaas-devcluster serve [FLAGS]    ('serve' may be omitted before a flag)
       dbaas-devcluster operate --data DIR --kubeconfig FILE [FLAGS]

Serves the Kubernetes API on 127.0.0.1 and runs KubeDB objects as local processes: PostgreSQL,
Redis, MariaDB and Memcached with their exporters. It replaces a cluster with KubeDB's operator.

'operate' runs only the operator, for the cluster of a kubeconfig. Pods get synthetic addresses from
198.18.0.0/15, which the cluster's egress selector must map to 127.0.0.1.

  --data DIR          data folder, created if missing; without it 'serve' uses a temporary folder
                      and deletes it at the end
  --kubeconfig FILE   serve: write a kubeconfig for clients, once the cluster offers its engines
                      operate: the cluster to use
  --port N            port of the API; 0 (default): the port of the last start, or a free one
  --no-operator       run only the API server
  --synthetic N       simulate up to N databases instead of running them, for measurements at scale
  --seed N            seed of the simulation (1)
  --flaps-per-second R
                      simulated databases per second that become Critical or NotReady for 2 s (0)
  --runtime process   runtime of databases; only 'process' is supported
  --log-level LEVEL   debug, info (default), warning, error
  --log-format FORMAT json, console; the default is console on a terminal
  --help              this text

SIGTERM and Ctrl-C stop the program and its engines; a second signal ends it immediately.
)";

struct options {
    std::string data;
    std::string kubeconfig;
    std::uint16_t port = 0;
    obs::level level = obs::level::info;
    obs::log_format format = obs::log_format::json;
    bool runs_operator = true;
    std::size_t synthetic = 0;  // simulated databases; 0: none
    std::uint64_t seed = 1;
    double flaps_per_second = 0;
};

int complain(const std::string& text) {
    std::fprintf(stderr, "dbaas-devcluster: %s\n'dbaas-devcluster --help' lists the flags.\n",
                 text.c_str());
    return 2;
}

template <class Number>
bool parse_number(const std::string& value, Number& result) {
    const auto* const end = value.data() + value.size();
    const auto [at, error] = std::from_chars(value.data(), end, result);
    return error == std::errc() && at == end;
}

// Sets the option. Returns an error message, or empty.
std::string set_option(const std::string& word, const std::string& value, options& options) {
    static const std::map<std::string, obs::level> levels{{"debug", obs::level::debug},
                                                          {"info", obs::level::info},
                                                          {"warning", obs::level::warning},
                                                          {"error", obs::level::error}};
    if (word == "--data") {
        options.data = value;
    } else if (word == "--kubeconfig") {
        options.kubeconfig = value;
    } else if (word == "--port") {
        if (!parse_number(value, options.port)) return "--port must be a number from 0 to 65535";
    } else if (word == "--synthetic") {
        if (!parse_number(value, options.synthetic) || options.synthetic == 0) {
            return "--synthetic must be a number of databases";
        }
    } else if (word == "--seed") {
        if (!parse_number(value, options.seed)) return "--seed must be a number";
    } else if (word == "--flaps-per-second") {
        if (!parse_number(value, options.flaps_per_second) || options.flaps_per_second < 0) {
            return "--flaps-per-second must be a number that is not negative";
        }
    } else if (word == "--runtime") {
        if (value != "process") return "--runtime must be 'process'";
    } else if (word == "--log-level") {
        if (!levels.contains(value)) return "--log-level must be debug, info, warning or error";
        options.level = levels.at(value);
    } else if (word == "--log-format") {
        if (value != "json" && value != "console") return "--log-format must be json or console";
        options.format = value == "json" ? obs::log_format::json : obs::log_format::console;
    } else {
        return "unknown flag '" + word + "'";
    }
    return {};
}

int parse(std::span<char*> words, options& options) {
    if (isatty(2) != 0) options.format = obs::log_format::console;
    for (std::size_t index = 0; index < words.size(); ++index) {
        const std::string word = words[index];
        if (word == "--no-operator") {
            options.runs_operator = false;
            continue;
        }
        if (index + 1 >= words.size()) return complain("'" + word + "' needs a value");
        const auto error_text = set_option(word, words[++index], options);
        if (!error_text.empty()) return complain(error_text);
    }
    return 0;
}

// Locks the folder for this process until the process ends. Returns -1 if another process has it.
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

// The token survives restarts, so that the kubeconfigs of clients stay valid.
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

// Runs on the main thread: the parent-death signal of a child is bound to the thread that starts
// it.
int run_operator(kube::config cluster, const controller::operator_options& options, obs::log& log,
                 sigset_t signals) {
    aio::loop loop;
    aio::blocking_pool pool(8, 4096);
    kube::client_options client{
        .config = std::move(cluster), .user_agent = "local-operator", .log = &log};
    auto client_result = kube::make_client(loop.executor(), std::move(client));
    if (!client_result) return complain(client_result.error().text);
    auto local = controller::make_operator(loop.executor(), **client_result, pool,
                                           base::system_clock(), log, options);
    aio::task_group work(loop.executor());
    aio::task_group stopping(loop.executor());
    int status = 0;
    work.on_failure([&log, &status](const base::failure& error) {
        log.error("operator_failed", {{"detail", error.text}});
        status = 1;
        kill(getpid(), SIGTERM);
    });
    work.spawn(local->run());
    loop.keep_alive();
    std::thread waiter([&] {
        int signal_number = 0;
        sigwait(&signals, &signal_number);
        log.info("stopping", {{"signal", signal_number}});
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
            int second_signal = 0;
            sigwait(&signals, &second_signal);
            _exit(128 + second_signal);
        }).detach();
    });
    loop.run();
    waiter.join();
    return status;
}

apiserver::make_simulator simulator_of(const options& options, obs::log& log) {
    if (options.synthetic == 0) return {};
    const synthetic::cluster_options cluster_settings{.capacity = options.synthetic,
                                                      .seed = options.seed,
                                                      .flaps_per_second = options.flaps_per_second,
                                                      .log = &log};
    return [cluster_settings](aio::executor executor, apiserver::api_core& content,
                              apiserver::object_store& objects) {
        return synthetic::make_cluster(std::move(executor), content, objects, cluster_settings);
    };
}

// Blocks SIGTERM and SIGINT; sigwait() receives them.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

// The data folder. A temporary one is deleted with this object.
class data_folder {
  public:
    explicit data_folder(std::string path) : path_(std::move(path)), is_temporary_(path_.empty()) {
        std::error_code error;
        const auto fresh = base::random_id("dbaas-devcluster-");
        if (is_temporary_) path_ = std::filesystem::temp_directory_path(error) / fresh;
        path_ = std::filesystem::absolute(path_, error);
    }
    ~data_folder() {
        std::error_code error;
        if (is_temporary_ && is_locked_) std::filesystem::remove_all(path_, error);
    }
    data_folder(const data_folder&) = delete;
    data_folder& operator=(const data_folder&) = delete;
    // Creates and locks the folder. Returns false after it printed an error.
    bool lock();
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
    bool is_temporary_;
    bool is_locked_ = false;
};

bool data_folder::lock() {
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    // The engines' user may enter the folder but not list it.
    if (is_temporary_) std::filesystem::permissions(path_, std::filesystem::perms(0711), error);
    std::string error_text;
    if (error) {
        error_text = "cannot be created: " + error.message();
    } else if (lock_folder(path_) < 0) {
        error_text = "is in use by another dbaas-devcluster";
    }
    is_locked_ = error_text.empty();
    if (!is_locked_) complain("'" + path_ + "' " + error_text);
    return is_locked_;
}

std::unique_ptr<obs::log_service> start_log(const options& options) {
    return obs::make_log(
        {.level_min = options.level, .format = options.format, .app = "dbaas-devcluster"});
}

int operate(const options& options) {
    const auto signals = block_signals();
    if (options.data.empty()) return complain("--data must be given");
    data_folder data(options.data);
    if (!data.lock()) return 2;
    if (options.kubeconfig.empty()) return complain("--kubeconfig must name the cluster");
    auto cluster = kube::load_kubeconfig(options.kubeconfig);
    if (!cluster) return complain(cluster.error().text);
    const auto log = start_log(options);
    log->info("operating", {{"kubeconfig", options.kubeconfig}});
    const int status =
        run_operator(std::move(*cluster),
                     {.data_dir = data.path(), .uses_synthetic_addresses = true}, *log, signals);
    log->info("stopped");
    return status;
}

int serve(const options& options) {
    const auto signals = block_signals();
    data_folder data(options.data);
    if (!data.lock()) return 2;
    const auto log = start_log(options);
    const auto token = token_of(data.path());
    auto started = apiserver::start({.port = options.port,
                                     .data_dir = data.path() + "/apiserver",
                                     .token = token,
                                     .log = log.get(),
                                     .simulator = simulator_of(options, *log)});
    if (!started) return complain(started.error().text);
    log->info("serving", {{"address", "http://127.0.0.1:" + std::to_string((*started)->port())},
                          {"data", data.path()}});
    const bool operates = options.runs_operator && options.synthetic == 0;
    // The kubeconfig appears once the cluster offers its engines, so clients can wait for it.
    bool is_written = true;
    const auto publish_kubeconfig = [&] {
        is_written = options.kubeconfig.empty() ||
                     write_kubeconfig(options.kubeconfig, (*started)->kubeconfig());
        if (is_written) return;
        complain("'" + options.kubeconfig + "' cannot be written");
        if (operates) kill(getpid(), SIGTERM);
    };
    if (!operates) {
        publish_kubeconfig();
        if (!is_written) return 2;
        int signal_number = 0;
        sigwait(&signals, &signal_number);
        return 0;
    }
    const int status = run_operator(
        {.server = {.host = "127.0.0.1", .port = (*started)->port()}, .token = base::secret(token)},
        {.data_dir = data.path(), .on_offered = publish_kubeconfig}, *log, signals);
    log->info("stopped");
    return is_written ? status : 2;
}

}  // namespace

int main(int count, char** words) {
    auto rest = std::span(words, static_cast<std::size_t>(count)).subspan(count > 0 ? 1 : 0);
    std::string command = rest.empty() ? "" : rest[0];
    const auto asks_help = [](std::string_view word) { return word == "--help" || word == "-h"; };
    if (command == "help" || asks_help(command) || (rest.size() > 1 && asks_help(rest[1]))) {
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
    options options;
    const int bad = parse(rest, options);
    if (bad != 0) return bad;
    return command == "serve" ? serve(options) : operate(options);
}
