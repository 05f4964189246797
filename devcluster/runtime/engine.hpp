#pragma once
// What the process runtime knows of each engine: where its programs are, how a member's data is
// prepared, how server and exporter are started, what says that it is ready. Data and small
// functions, no state.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aio/aio.hpp"
#include "devcluster/runtime/process.hpp"

namespace runtime {

// One member of a database as it is to run.
struct member_plan {
    std::string name;    // "orders-0"
    std::string folder;  // its own; "data" in it is the engine's
    std::string password;
    std::string user;
    int port = 0;
    int exporter_port = 0;
    int primary_port = 0;  // of member 0 when this one follows it, else 0
    std::int64_t memory_bytes = 0;
};

struct engine {
    std::string_view name;           // "postgres"
    std::string_view user;           // that clients log in as
    std::vector<std::string> needs;  // programs
    int stop_signal;
    std::string_view probe_message;
    bool (*is_ready)(std::string_view reply);
    // Makes the data folder once; a member that was prepared is left alone.
    aio::task<> (*prepare)(member_plan plan, run_user as);
    command (*server)(const member_plan& plan);
    command (*exporter)(const member_plan& plan);
    // "postgres (PostgreSQL) 15.18 ..." -> "15.18", asked of the program itself.
    std::vector<std::string> version_command;
};

std::span<const engine> all_engines();
const engine* find_engine(std::string_view name);
// Empty: not installed on this machine (the program that is missing is in `missing`).
std::string installed_version(const engine& which, std::string& missing);

}  // namespace runtime
