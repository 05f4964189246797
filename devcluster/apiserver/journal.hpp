#pragma once
// Lines that outlive the process: a snapshot and the logs written since, each line with its
// checksum. A line is in the kernel's hands when append() returns, so it survives kill -9; a thread
// of the journal's own brings it to the disk a moment later and writes snapshots. A torn end of the
// last log (power cut, full disk) is cut off. Lines hold no newline. append() and snapshot() belong
// to one thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace apiserver {

class journal {
  public:
    struct options {
        std::string folder;
        std::uint64_t compact_bytes = 32 * 1024 * 1024;  // of logs, before a snapshot is wanted
        std::chrono::milliseconds sync_period{50};
    };
    // Gives its lines to the function that it is called with. Runs on the journal's thread.
    using content = std::function<void(const std::function<void(std::string_view)>&)>;

    virtual ~journal() = default;  // brings everything to the disk
    // Failure: unavailable (disk full, ...): the line is not kept.
    virtual base::outcome<void> append(std::string_view line) = 0;
    // The logs have outgrown the snapshot: hand a new one over.
    [[nodiscard]] virtual bool wants_snapshot() const = 0;
    // `all` is what the lines so far have made; the logs until now go when it is written.
    virtual void snapshot(content all) = 0;
};

// Reads what the folder holds into `take`, in order; a line may come twice. Failures: unavailable
// (names the file), corrupt (a broken line that is not the end), what `take` fails with.
base::outcome<std::unique_ptr<journal>> open_journal(
    journal::options how, const std::function<base::outcome<void>(std::string_view)>& take);

}  // namespace apiserver
