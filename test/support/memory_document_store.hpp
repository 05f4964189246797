#pragma once
// A document store in memory that keeps every promise of ports::document_store except to survive,
// for tests of what stands above. With switches for trouble. Any thread.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "ports/document_store.hpp"

namespace fakes {

class memory_document_store final : public ports::document_store {
  public:
    aio::task<ports::revision> put(ports::put_request request) override;
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override;
    aio::task<ports::document> get(std::string collection, std::string id) override;
    aio::task<ports::page> find(ports::page_request request) override;
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override;
    aio::task<void> remove(ports::delete_request request) override;
    [[nodiscard]] bool is_connected() const noexcept override;
    aio::task<void> close() override;

    // The next `calls` calls fail as if the server were gone, without effect.
    void fail_next(int calls);
    // The next put or remove happens, but its answer is lost: timed_out. Then `failures` calls
    // fail.
    void lose_next_answer(int failures = 0);
    // Calls so far that were answered with anything but unavailable.
    [[nodiscard]] int calls() const;

  private:
    using collection = std::map<std::string, ports::document>;
    base::outcome<void> enter();  // with the mutex held
    base::outcome<ports::revision> put_now(const ports::put_request& request);
    void release_unique(const std::string& where, const ports::document& held);

    mutable std::mutex mutex_;
    std::map<std::string, collection> collections_;
    // collection, name of the unique value, value -> id
    std::map<std::string, std::string> unique_;
    bool leave();  // with the mutex held; false: the answer is lost
    int failures_left_ = 0;
    std::optional<int> loses_then_fails_;
    int calls_ = 0;
    bool is_closed_ = false;
};

}  // namespace fakes
