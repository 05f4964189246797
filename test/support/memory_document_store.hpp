#pragma once
// A document store in memory. It keeps every promise of ports::document_store except durability. A
// test can make calls fail. Any thread.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "ports/document_archive.hpp"

namespace fakes {

class memory_document_store final : public ports::document_archive {
  public:
    aio::task<ports::revision> put(ports::put_request request) override;
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override;
    aio::task<ports::document> get(std::string collection, std::string id) override;
    aio::task<ports::page> find(ports::page_request request) override;
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override;
    aio::task<void> remove(ports::delete_request request) override;
    aio::task<std::vector<std::string>> collections() override;
    aio::task<void> restore(std::string collection,
                            std::vector<ports::document> documents) override;
    [[nodiscard]] bool is_connected() const noexcept override;
    aio::task<void> close() override;

    // Makes the next `calls` calls fail with `unavailable`, without effect.
    void fail_next(int calls);
    // Makes the `failures` calls after the next `calls` calls fail with `unavailable`.
    void fail_after(int calls, int failures);
    // Makes the next put() or remove() take effect and fail with timed_out. The `failures` calls
    // after it fail with `unavailable`.
    void lose_next_response(int failures = 0);
    // Returns the number of calls that did not fail with `unavailable`.
    [[nodiscard]] int calls() const;

  private:
    using collection = std::map<std::string, ports::document>;
    base::outcome<void> enter();  // with the mutex held
    base::outcome<ports::revision> put_now(const ports::put_request& request);
    base::outcome<void> restore_now(const std::string& name, const ports::document& document);
    void release_unique(const std::string& name, const ports::document& document);

    mutable std::mutex mutex_;
    std::map<std::string, collection> collections_;
    // collection, name of the unique value, value -> id
    std::map<std::string, std::string> unique_;
    bool leave();  // with the mutex held; false: the response is lost
    int failures_left_ = 0;
    int calls_before_failures_ = 0;
    std::optional<int> failures_after_lost_response_;
    int calls_ = 0;
    int writes_ = 0;
    bool is_closed_ = false;
};

}  // namespace fakes
