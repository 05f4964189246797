#pragma once
// Keeps collections in memory equal to the store while other processes write to it. Two mechanisms:
// anti-entropy compares the version of every document of its collections with memory and reads the
// documents that differ, also at once after the bus was interrupted; the bus only shortens the
// wait. A lost, repeated or reordered message is harmless, because a message only names a document
// to read again. No clocks, no change streams. Lives on the control loop.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "app/bus_channel.hpp"
#include "app/replicated_collection.hpp"
#include "obs/log.hpp"
#include "ports/bus.hpp"
#include "ports/document_store.hpp"

namespace app {

struct record_feed_options {
    std::chrono::milliseconds anti_entropy_interval{15'000};
    // While there is a bus that is not connected, and after a failed read of the store.
    std::chrono::milliseconds anti_entropy_interval_without_bus{2'000};
    std::chrono::milliseconds flush_interval{100};    // of writes to the bus
    std::chrono::milliseconds retry_interval{1'000};  // after a failed flush
};

class record_feed {
  public:
    struct deps {
        aio::executor executor;
        ports::document_store& store;
        std::vector<replicated_collection*> collections;  // in the order of their comparison
        ports::bus* bus = nullptr;                        // nullptr: anti-entropy alone
        const base::clock& clock;
        obs::log& log;
        app::probe& probe;
    };
    record_feed(deps deps, record_feed_options options);

    // Runs the loops until cancelled. Errors: cancelled.
    aio::task<> run();

    // Compares every collection with memory once and reads the documents that differ. A document
    // that cannot be read as a record does not keep the others from being adopted. Errors:
    // unavailable, corrupt, cancelled.
    aio::task<> compare();
    // Returns the time of the end of the last successful comparison.
    [[nodiscard]] std::optional<base::steady_time> last_compared() const noexcept {
        return last_compared_;
    }

  private:
    struct document_key {
        replicated_collection* owner;
        std::string id;
        auto operator<=>(const document_key&) const = default;
    };
    struct announcement {
        document_key key;
        ports::revision revision = 0;  // 0: the document was deleted
    };
    static constexpr std::size_t message_bytes_max = 32 * 1024;

    void on_message(const std::string& message);
    // Returns std::nullopt for a line of another format or an unknown collection, as a newer
    // version may send.
    [[nodiscard]] std::optional<announcement> parse_line(std::string_view line) const;
    void subscribe();
    // Compares periodically, and immediately after messages may have been lost.
    aio::task<> compare_periodically();
    // Reads the document again, and counts it if that changes it. A corrupt document becomes the
    // result of the comparison, which continues.
    aio::task<> repair(document_key key, base::outcome<void>& result);
    aio::task<> compare_collection(replicated_collection& target);
    aio::task<> publish_writes();
    aio::task<> read_announced();

    deps deps_;
    record_feed_options options_;
    struct write {
        ports::revision revision = 0;
        // Before the newest write. A document that was deleted and created again has the revision
        // of an earlier one, so that its deletion is announced as well.
        bool was_deleted = false;
    };
    std::map<document_key, write> written_;  // by this process, not published yet
    std::set<document_key> announced_;       // by other processes, not read yet
    aio::notification has_written_;
    aio::notification has_announced_;
    aio::notification may_have_missed_;   // messages of the bus
    bool is_behind_ = false;              // a read of the store failed since the last comparison
    std::optional<bus_channel> channel_;  // nullopt: anti-entropy alone
    std::optional<base::steady_time> last_compared_;
    aio::task_group loops_;
};

}  // namespace app
