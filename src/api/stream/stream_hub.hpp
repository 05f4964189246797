#pragma once
// The latest changes for the stream's subscribers of one HTTP loop: a bounded ring of shared texts.
// A subscriber that falls out of it is told to begin anew. Lives on its loop; publish() is posted
// to it from the control loop.

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

class stream_hub {
  public:
    explicit stream_hub(aio::executor on) : executor_(std::move(on)) {}

    // `number` grows by one per change over the life of the process.
    // `project` decides which subscribers receive the event.
    void publish(std::uint64_t number, std::string project,
                 std::shared_ptr<const std::string> event);

    using shared_text = std::shared_ptr<const std::string>;
    struct subscription_options {
        std::optional<std::uint64_t> after;  // resume behind this change
        // Begins to give the present content as events, part by part; null is the end. Asked when
        // there is nothing to resume.
        std::function<std::function<shared_text()>()> snapshot;
        // The projects whose events the subscriber receives.
        domain::visible_projects visible;
        std::string process_epoch;  // part of every event id: numbers are valid in one process
    };
    // Until the client goes, falls behind or the server stops; a drain ends it at once.
    aio::task<> run(http::stream_writer& out, subscription_options how);

  private:
    struct entry {
        std::uint64_t number;
        std::string project;
        std::shared_ptr<const std::string> event;
    };
    static constexpr std::size_t kept = 4096;
    // The changes behind a position, as many as go into one write. Subscribers that are equally far
    // get the same text.
    struct batch {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        shared_text text;
    };
    const batch& batch_behind(std::uint64_t position);
    // Likewise, of the changes that the subscriber may see. `text` is null if there are none.
    [[nodiscard]] batch visible_batch(std::uint64_t position,
                                      const domain::visible_projects& visible) const;
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
