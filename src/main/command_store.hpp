#pragma once
// The store of an admin command, and what the commands do with it. All functions block.

#include <memory>
#include <optional>
#include <utility>

#include "aio/block_on.hpp"
#include "app/store_copy.hpp"
#include "base/failure.hpp"
#include "main/loop_thread.hpp"
#include "main/platform_key_file.hpp"
#include "main/store_location.hpp"
#include "obs/metrics.hpp"
#include "ports/document_archive.hpp"

// Opens the store without a log. Creates a SQLite file that does not exist. Errors: those of
// sqlite::open_store() and mongo::open_store(). `registry` must outlive the store.
base::outcome<std::unique_ptr<ports::document_archive>> open_command_store(
    const store_location& location, obs::registry& registry);

// Runs `work`, which takes a Stack of registries over the store and returns a task, on a control
// loop, and closes the store. Returns the failure of the work, else that of the close.
template <class Stack, class Work>
base::outcome<void> run_on_store(ports::document_store& store, const app::shared_sealer& sealer,
                                 Work work) {
    auto result = base::ok();
    {
        loop_thread control;
        std::optional<Stack> stack;
        stack.emplace(store, sealer, control.loop().executor());
        result = *control.run([&] { return work(*stack); });
        control.stop();
    }
    const auto closed = aio::block_on(store.close());
    return result ? closed : result;
}

// Prints a line per collection to stdout.
void print_digest(const app::store_digest& digest);
