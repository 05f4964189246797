#pragma once
// Admits one writer per record at a time, in the order of arrival. Each record has its own queue,
// so that writers of different records do not wait for each other. Lives on one loop; turns and
// waiting writers keep the shared state alive.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "aio/semaphore.hpp"
#include "aio/task.hpp"

namespace app {

class write_queue {
  private:
    struct state;

  public:
    // The right to write one record. Its end admits the next writer.
    class turn {
      public:
        turn(std::shared_ptr<state> queues, std::string key, aio::semaphore::permit permit);
        ~turn();
        turn(turn&&) noexcept = default;
        turn& operator=(turn&&) = delete;
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;

      private:
        std::shared_ptr<state> queues_;
        std::string key_;
        std::optional<aio::semaphore::permit> permit_;
    };

    write_queue();

    // Waits until every earlier writer of `key` has ended its turn. A cancelled writer leaves the
    // queue. A writer must not enter a queue whose turn it holds. Errors: cancelled.
    aio::task<turn> enter(std::string key);

    // Writers of `key` that wait.
    [[nodiscard]] std::size_t waiting(const std::string& key) const noexcept;

  private:
    std::shared_ptr<state> state_;
};

}  // namespace app
