#pragma once
// The functions that SIGHUP runs, for example to read a certificate again. Lives on the main
// thread: add() during the start, run() between start and stop.

#include <functional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "obs/log.hpp"

class reload_list {
  public:
    // Reads its files again and puts their content into use. A failure must leave the previous
    // content in use.
    using reload_function = std::function<base::outcome<void>()>;

    // `name` identifies the function in the log ("tls_certificate"). The function must be valid
    // until the last run().
    void add(std::string name, reload_function reload);
    // Runs every function in the order of add(). Logs one line per function: `reload` with the
    // result `ok`, or with the code of the failure.
    void run(obs::log& log) const;

  private:
    struct entry {
        std::string name;
        reload_function reload;
    };
    std::vector<entry> entries_;
};
