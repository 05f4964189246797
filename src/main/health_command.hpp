#pragma once
// `dbaas health`: asks a running platform over HTTP whether it is ready, for probes and for people.
// Exit codes: 0 healthy, 1 not healthy, 2 wrong usage, 3 no response.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "http/message.hpp"

namespace health {

struct options {
    std::string url;  // "http://127.0.0.1:8000"
    std::string path = "/health/ready";
    std::chrono::seconds timeout{5};
    std::string ca_file;  // empty: the trust store of the system
    bool verifies_certificate = true;
    bool prints_json = false;
};

struct report {
    int exit_code = 0;
    std::string text;  // ends with a line break
};

// Returns the options from the flags. Without --url, the address is that of DBAAS_LISTEN on
// loopback. Errors: invalid (unknown flag, wrong value).
base::outcome<options> parse(const std::vector<std::string>& flags,
                             const std::map<std::string, std::string>& environment);

// Returns the exit code and the output for a response or for its absence. Pure.
report describe(const options& request, const base::outcome<http::response>& response);

// Runs the command and prints the report. Returns the exit code.
int run(const std::vector<std::string>& flags,
        const std::map<std::string, std::string>& environment);

}  // namespace health
