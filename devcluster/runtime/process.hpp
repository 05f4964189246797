#pragma once
// Programs as children: spawned with a clean environment and no file of ours in a session of their
// own, as an unprivileged user when we are root, and killed by the kernel should we die. Secrets go
// through the environment or files, never through arguments. One loop.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/aio.hpp"

namespace runtime {

inline constexpr std::uintmax_t log_bytes_max = 8 * 1024 * 1024;

struct command {
    std::string program;  // absolute
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;
    std::string folder;    // to run in
    std::string log_path;  // output is appended there
};

// The user that engines run as: us, or nobody when we are root (PostgreSQL refuses root).
struct run_user {
    bool is_other = false;
    uid_t uid = 0;
    gid_t gid = 0;
    // The way to the data is closed to that user (a checkout in /root): it gets the capability to
    // pass, where we have it to give.
    bool needs_search_right = false;
};
run_user choose_user(const std::string& data_folder);
// Gives a file or folder to the user. Failure: denied.
base::outcome<void> hand_over(const run_user& to, const std::string& path);

class process {
  public:
    virtual ~process() = default;  // kills it, should it be alive
    [[nodiscard]] virtual pid_t pid() const noexcept = 0;
    // Until it has ended; its status as of waitpid, negative signal number when it was killed.
    virtual aio::task<int> ended() = 0;
    // False: it has ended already.
    virtual bool signal(int number) = 0;
    [[nodiscard]] virtual bool is_alive() = 0;
    // `number`, then SIGKILL to the whole session after `patience`.
    virtual aio::task<> stop(int number, std::chrono::milliseconds patience) = 0;
};

// Failures: not_found (no such program), denied, unavailable (no process to be had).
base::outcome<std::unique_ptr<process>> spawn(command what, const run_user& as);

// Runs a program to its end. Failures: as spawn; timed_out (it was killed); cancelled (as well,
// once `is_stopping` turns true); unavailable when it ends with another status than 0 (the text has
// its last line).
aio::task<> run(command what, run_user as, std::chrono::milliseconds patience,
                const bool& is_stopping);

// Kills that user's processes of the program that work in the folder or below; the folder must be
// ours alone. How many there were: they take a moment to end. Blocks.
struct place_of_work {
    std::string program;
    std::string folder;
};
std::size_t kill_processes(const place_of_work& at, const run_user& of);

// Cuts a log that has grown over its limit; its second-last part stays beside it as ".old". Blocks.
void bound_log(const std::string& path, std::uintmax_t bytes_max = log_bytes_max);

}  // namespace runtime
