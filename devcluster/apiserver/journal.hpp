#pragma once
// A durable log of lines: a snapshot and the logs written since, each line with its checksum.
// append() returns after write(2), so the line survives kill -9. The journal's thread syncs lines
// to disk within sync_period and writes snapshots. A torn end of the last log (power failure, full
// disk) is truncated. Lines must not contain a newline. append() and snapshot() belong to one
// thread.

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
        std::uint64_t compact_bytes =
            32 * 1024 * 1024;  // size of the logs that triggers a snapshot
        std::chrono::milliseconds sync_period{50};
    };
    // Passes its lines to its argument. Runs on the journal's thread.
    using content = std::function<void(const std::function<void(std::string_view)>&)>;

    virtual ~journal() = default;  // syncs to disk
    // Errors: unavailable (disk full, ...); the line is not stored.
    virtual base::outcome<void> append(std::string_view line) = 0;
    // True if the logs have outgrown the snapshot and the caller should pass a new one.
    [[nodiscard]] virtual bool wants_snapshot() const = 0;
    // `all` must represent the lines appended so far. The logs up to now are deleted once the
    // snapshot is written.
    virtual void snapshot(content all) = 0;
};

// Reads the lines of the folder into `take`, in order; a line may occur twice. Errors: unavailable
// (names the file), corrupt (a broken line that is not the end), and the errors of `take`.
base::outcome<std::unique_ptr<journal>> open_journal(
    journal::options options, const std::function<base::outcome<void>(std::string_view)>& take);

}  // namespace apiserver
