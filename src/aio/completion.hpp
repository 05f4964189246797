#pragma once
// completion<T>: a result that another thread delivers. The waiting coroutine makes it and hands a
// copy to whoever will have the result; complete() is called exactly once, on any thread. Waiting
// is not cancellable: what has been handed over comes to its end first.

#include <memory>
#include <optional>
#include <utility>

#include "aio/aio.hpp"
#include "aio/detail.hpp"

namespace aio {

template <class T>
class completion {
  public:
    explicit completion(aio::executor on) : state_(std::make_shared<state>(std::move(on))) {}

    void complete(base::outcome<T> result) {
        state_->result.emplace(std::move(result));
        state_->latch.open();
    }
    task<T> wait() {
        const auto shared = state_;
        co_await shared->latch.wait();
        co_return std::move(*shared->result);
    }

  private:
    struct state {
        explicit state(aio::executor on) : latch(std::move(on)) {}
        detail::remote_latch latch;
        std::optional<base::outcome<T>> result;
    };
    std::shared_ptr<state> state_;
};

}  // namespace aio
