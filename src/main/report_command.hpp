#pragma once
// `dbaas report`: reports of a running platform, which it requests over HTTP. `cost` compares what
// the databases request with what they use. Exit codes: 0 printed, 1 the platform rejected a
// request, 2 wrong usage, 3 no response.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "main/cost_report.hpp"

namespace report {

struct options {
    std::string url;           // "http://127.0.0.1:8000"
    std::string api_key_file;  // empty: no credential
    std::string ca_file;       // empty: the trust store of the system
    std::string project;       // empty: all visible ones
    std::string kubeconfig;    // empty: metrics.k8s.io is not read
    std::string kube_context;  // empty: the current context of the kubeconfig
    std::chrono::seconds timeout{30};
    bool verifies_certificate = true;
    bool prints_json = false;
    cost::settings cost{};
};

// Returns the options from the words after "report". Errors: invalid (unknown flag, wrong value).
base::outcome<options> parse(const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& environment);

// Runs the command and prints the report. Returns the exit code.
int run(const std::vector<std::string>& words,
        const std::map<std::string, std::string>& environment);

}  // namespace report
