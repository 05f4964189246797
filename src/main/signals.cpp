#include "main/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace {

sigset_t stop_set() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

}  // namespace

stop_signals::stop_signals() {
    const auto set = stop_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

int stop_signals::wait() {
    const auto set = stop_set();
    int signal = 0;
    sigwait(&set, &signal);
    std::thread([set] {
        int second = 0;
        sigwait(&set, &second);
        _exit(128 + second);
    }).detach();
    return signal;
}
