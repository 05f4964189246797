#pragma once
// The latest changes for the stream subscribers of one HTTP loop: a bounded ring of shared texts. A
// subscriber that falls out of the ring gets a "reset" event and must reconnect. Lives on its HTTP
// loop; the control loop posts publish() to it.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "aio/aio.hpp"
#include "domain/access.hpp"
#include "http/server.hpp"

namespace api {

// The objects that a subscriber may see.
struct stream_access {
    domain::visible_projects projects;
    // Whether the credential permits to read projects. Their databases may be visible without.
    bool reads_projects = true;

    [[nodiscard]] bool is_all() const noexcept { return reads_projects && projects.is_all(); }
    // `database`: id; empty: the project itself.
    [[nodiscard]] bool contains(std::string_view project,
                                std::string_view database) const noexcept {
        return (reads_projects || !database.empty()) && projects.contains(project, database);
    }
};

class stream_hub {
  public:
    // `newest` is the number of the last event before the first publish().
    explicit stream_hub(aio::executor executor, std::uint64_t newest = 0)
        : executor_(std::move(executor)), newest_(newest) {}

    // Sends an event to the subscribers that may see the project, or the database if one is named.
    // `number` grows by one per event over the life of the process.
    void publish(std::uint64_t number, std::string project,
                 std::shared_ptr<const std::string> event, std::string database = {});

    using shared_text = std::shared_ptr<const std::string>;
    struct subscription_options {
        // Number of the last event that the client received. Nothing for a new stream.
        std::optional<std::uint64_t> after;
        // Starts a snapshot. The returned function yields it in parts, then null. Called if the
        // stream cannot resume.
        std::function<std::function<shared_text(const stream_access& visible)>()> snapshot;
        // The objects whose events the subscriber receives.
        stream_access visible;
        // Called before each part of the snapshot, each event and each keepalive. Returns false if
        // the credential is no longer valid, which ends the stream; else updates `visible`. Null:
        // the objects stay.
        std::function<bool(stream_access& visible)> renew{};
        // Returns an id for the number of an event.
        std::function<std::string(std::uint64_t number)> id_of;
    };
    // Runs until the client disconnects, falls behind, or loses its access, or the server drains.
    aio::task<> run(http::stream_writer& out, subscription_options options);

  private:
    struct entry {
        std::uint64_t number;
        std::string project;
        std::string database;
        std::shared_ptr<const std::string> event;
    };
    static constexpr std::size_t entries_max = 4096;
    // The events after one position, as many as fit into one write.
    struct batch {
        std::uint64_t first = 0;  // position before the events
        std::uint64_t last = 0;   // number of the last event
        shared_text text;
    };
    // Returns the batch after a position. Subscribers at the same position share its text.
    // Precondition: position < newest().
    const batch& batch_after(std::uint64_t position);
    // Returns a batch without the events that the subscriber may not see. `text` is null if there
    // are no others.
    [[nodiscard]] batch visible_batch_after(std::uint64_t position,
                                            const stream_access& visible) const;
    [[nodiscard]] bool can_resume(std::uint64_t position) const noexcept;
    [[nodiscard]] std::uint64_t newest() const noexcept {
        return ring_.empty() ? newest_ : ring_.back().number;
    }
    aio::executor executor_;
    std::deque<entry> ring_;
    std::uint64_t newest_ = 0;
    batch latest_batch_;
    std::set<aio::notification*> waiting_;
};

}  // namespace api
