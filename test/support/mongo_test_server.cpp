#include "test/support/mongo_test_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

namespace fakes {
namespace {

const std::string folder = MONGO_TEST_SERVER;  // a path, from CMake

std::string java() {
    const char* path = std::getenv("PATH");
    std::string rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        auto candidate = rest.substr(0, colon) + "/java";
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
        rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    }
    return {};
}

}  // namespace

bool mongo_test_server::is_installed() {
    return std::filesystem::exists(folder + "/installed") && !java().empty();
}

mongo_test_server::mongo_test_server(std::string file) : file_(std::move(file)) {
    start();
}

void mongo_test_server::start() {
    int input[2];
    int output[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) std::abort();
    std::vector<std::string> words{java(),
                                   "-Xmx256m",
                                   "-XX:+UseSerialGC",
                                   "-XX:TieredStopAtLevel=1",
                                   "-cp",
                                   fmt::format("{0}/classes:{0}/lib/*", folder),
                                   "MongoTestServer",
                                   std::to_string(port_)};
    if (!file_.empty()) words.push_back(file_);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(126);
        dup2(input[0], STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO);
        execv(arguments[0], arguments.data());
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    std::string line;
    char byte = 0;
    while (read(output[0], &byte, 1) == 1 && byte != '\n') line += byte;
    close(output[0]);
    if (process_ < 0 || !line.starts_with("PORT ")) std::abort();
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(5)));
}

void mongo_test_server::finish(int signal) {
    if (process_ < 0) return;
    ::kill(process_, signal);
    close(input_);
    waitpid(process_, nullptr, 0);
    process_ = -1;
}

void mongo_test_server::stop() {
    finish(SIGTERM);
}

void mongo_test_server::kill() {
    finish(SIGKILL);
}

void mongo_test_server::suspend() const {
    ::kill(process_, SIGSTOP);
    waitpid(process_, nullptr, WUNTRACED);  // the threads stop a moment after kill() has returned
}

void mongo_test_server::resume() const {
    ::kill(process_, SIGCONT);
}

void mongo_test_server::restart() {
    start();
}

std::string mongo_test_server::url(const std::string& name) const {
    return fmt::format("mongodb://127.0.0.1:{}/{}", port_, name);
}

}  // namespace fakes
