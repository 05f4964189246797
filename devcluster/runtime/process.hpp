#pragma once
// Child processes: spawned in a separate session with a clean environment and no inherited files,
// as an unprivileged user if the parent is root. The kernel kills them when the parent dies.
// Secrets are passed in the environment or in files, never as arguments. One loop.

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
    std::string folder;    // working folder
    std::string log_path;  // receives the output
};

// The user of the engines: the present user, or `nobody` for root, because PostgreSQL rejects root.
struct run_user {
    bool is_other = false;
    uid_t uid = 0;
    gid_t gid = 0;
    // The user cannot enter a folder on the path to the data, for example /root. The child then
    // gets the capability to do so, if the parent has it.
    bool needs_search_capability = false;
};
run_user choose_user(const std::string& data_folder);
// Makes the user the owner of a file or folder. Errors: denied.
base::outcome<void> change_owner(const run_user& user, const std::string& path);

class process {
  public:
    virtual ~process() = default;  // kills a running process
    [[nodiscard]] virtual pid_t pid() const noexcept = 0;
    // Awaits the end. Returns the exit status, or the negative number of the signal that killed it.
    virtual aio::task<int> ended() = 0;
    // Returns false if the process has ended.
    virtual bool signal(int number) = 0;
    [[nodiscard]] virtual bool is_alive() = 0;
    // Sends `number`, then SIGKILL to the whole session after `timeout`.
    virtual aio::task<> stop(int number, std::chrono::milliseconds timeout) = 0;
};

// Errors: not_found (no such program), denied, unavailable (fork failed).
base::outcome<std::unique_ptr<process>> spawn(command spec, const run_user& as);

// Runs a program to its end. Errors: those of spawn(); timed_out and cancelled (once `is_stopping`
// is true), both after killing it; unavailable (a status other than 0; the text has its last line).
aio::task<> run(command spec, run_user as, std::chrono::milliseconds timeout,
                const bool& is_stopping);

// Kills the user's processes of the program whose working folder is `folder` or below. No other
// program may use the folder. Returns their number; they end asynchronously. Blocks.
struct work_folder {
    std::string program;
    std::string folder;
};
std::size_t kill_processes(const work_folder& place, const run_user& user);

// Truncates a log that exceeds its limit, after copying it to ".old". Blocks.
void bound_log(const std::string& path, std::uintmax_t bytes_max = log_bytes_max);

}  // namespace runtime
