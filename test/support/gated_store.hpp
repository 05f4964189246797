#pragma once
// A document store that forwards to another one through a gate. While the gate is closed, writes
// wait, and so do reads after close_gate_for_reads(). For tests of concurrent callers. One loop.

#include <utility>

#include "aio/aio.hpp"
#include "ports/document_store.hpp"

namespace fakes {

class gated_store final : public ports::document_store {
  public:
    gated_store(ports::document_store& store, aio::executor executor)
        : store_(store), opened_(std::move(executor)) {}

    void close_gate() { is_closed_ = true; }
    void close_gate_for_reads() { is_closed_for_reads_ = is_closed_ = true; }
    // Makes each write let other tasks run first, as a store on another thread does.
    void yield_in_writes() { yields_ = true; }
    void open_gate() {
        is_closed_for_reads_ = is_closed_ = false;
        opened_.notify();
    }
    [[nodiscard]] int waiting() const noexcept { return waiting_; }

    aio::task<ports::revision> put(ports::put_request request) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await store_.put(std::move(request));
    }
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await store_.put_bulk(std::move(requests));
    }
    aio::task<void> remove(ports::delete_request request) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await store_.remove(std::move(request));
    }
    aio::task<ports::document> get(std::string collection, std::string id) override {
        if (is_closed_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await store_.get(std::move(collection), std::move(id));
    }
    aio::task<ports::page> find(ports::page_request request) override {
        if (is_closed_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await store_.find(std::move(request));
    }
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        if (is_closed_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await store_.revisions(std::move(collection), std::move(after), limit);
    }
    [[nodiscard]] bool is_connected() const noexcept override { return store_.is_connected(); }
    aio::task<void> close() override { return store_.close(); }

  private:
    aio::task<> pass() {
        if (yields_) {
            auto yielded = co_await aio::sleep_for(std::chrono::nanoseconds(0));
            if (!yielded) co_return yielded;
        }
        ++waiting_;
        base::outcome<void> passed;
        while (is_closed_ && passed) passed = co_await opened_.wait();
        if (--waiting_ > 0 && !is_closed_) opened_.notify();  // wakes the next waiter
        co_return passed;
    }

    ports::document_store& store_;
    aio::notification opened_;
    int waiting_ = 0;
    bool yields_ = false;
    bool is_closed_ = false;
    bool is_closed_for_reads_ = false;
};

}  // namespace fakes
