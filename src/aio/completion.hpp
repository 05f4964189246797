#pragma once
// completion<T>: a result that another thread delivers. The waiting coroutine creates it and passes
// a copy to the producer. The producer calls complete() exactly once, on any thread. wait() ignores
// cancellation, so that the producer always finishes first.

#include <memory>
#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
class completion {
  public:
    explicit completion(aio::executor executor)
        : state_(std::make_shared<state>(std::move(executor))) {}

    void complete(base::outcome<T> result) {
        state_->result.emplace(std::move(result));
        state_->completed.set();
    }
    task<T> wait() {
        const auto shared = state_;
        co_await shared->completed.wait();
        co_return std::move(*shared->result);
    }

  private:
    struct state {
        explicit state(aio::executor executor) : completed(std::move(executor)) {}
        detail::remote_event completed;
        std::optional<base::outcome<T>> result;
    };
    std::shared_ptr<state> state_;
};

}  // namespace aio
