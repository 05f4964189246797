#pragma once
// Secrets in files that are replaced while the platform runs, such as mounted Secrets of
// Kubernetes. A file is read again and compared by content, so that a swapped symbolic link is
// noticed. Lives on the control loop.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "obs/log.hpp"

class secret_rotation {
  public:
    // Puts the new contents into use. A failure must leave the previous ones in use, and its text
    // must not contain a secret.
    using apply_function = std::function<aio::task<>(std::vector<base::secret> contents)>;

    // `option` names the value in the log. `contents` are in use, one per path.
    void add(std::string option, std::vector<std::string> paths, std::vector<base::secret> contents,
             apply_function apply);
    [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }

    // Applies contents that have changed since they were last put into use. A value that failed is
    // tried again by the next call: the server may learn a new password after the file. Logs
    // `secret_changed`, and `secret_unusable` once per text. Returns the first failure.
    aio::task<> check(obs::log& log);
    // Calls check() periodically until cancelled. Errors: cancelled.
    aio::task<> run(const base::clock& clock, obs::log& log);

    static constexpr std::chrono::seconds period{5};

  private:
    struct entry {
        std::string option;
        std::vector<std::string> paths;
        std::vector<base::secret> contents;
        apply_function apply;
        std::string last_error;
    };
    static aio::task<bool> check_entry(entry& target);

    std::vector<entry> entries_;
    bool is_checking_ = false;
};

// Returns the content of a file without blanks at both ends.
base::outcome<base::secret> read_secret(const std::string& path);
