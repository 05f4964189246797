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

sigset_t all_set() {
    auto set = stop_set();
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

process_signals::process_signals() {
    const auto set = all_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a write over the limit of file sizes fails instead
}

int process_signals::wait(const std::function<void()>& on_hangup) {
    const auto set = all_set();
    int signal = 0;
    sigwait(&set, &signal);
    while (signal == SIGHUP) {
        on_hangup();
        sigwait(&set, &signal);
    }
    std::thread([] {
        const auto stops = stop_set();
        int second = 0;
        sigwait(&stops, &second);
        _exit(128 + second);
    }).detach();
    return signal;
}
