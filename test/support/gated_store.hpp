#pragma once
// A document store before another one, with a gate: while it is closed, writes wait at it, and
// reads when they are told to. For tests of what two users do to each other. One loop.

#include <utility>

#include "aio/aio.hpp"
#include "ports/document_store.hpp"

namespace fakes {

class gated_store final : public ports::document_store {
  public:
    gated_store(ports::document_store& behind, aio::executor on)
        : behind_(behind), opened_(std::move(on)) {}

    void close_gate() { is_shut_ = true; }
    void close_gate_for_reads() { is_shut_for_reads_ = is_shut_ = true; }
    // Each write lets other tasks run first, as a store on another thread does.
    void yield_in_writes() { yields_ = true; }
    void open_gate() {
        is_shut_for_reads_ = is_shut_ = false;
        opened_.notify();
    }
    [[nodiscard]] int waiting() const noexcept { return waiting_; }

    aio::task<ports::revision> put(ports::put_request request) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await behind_.put(std::move(request));
    }
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await behind_.put_bulk(std::move(requests));
    }
    aio::task<void> remove(ports::delete_request request) override {
        auto passed = co_await pass();
        if (!passed) co_return base::pass(std::move(passed));
        co_return co_await behind_.remove(std::move(request));
    }
    aio::task<ports::document> get(std::string collection, std::string id) override {
        if (is_shut_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await behind_.get(std::move(collection), std::move(id));
    }
    aio::task<ports::page> find(ports::page_request request) override {
        if (is_shut_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await behind_.find(std::move(request));
    }
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        if (is_shut_for_reads_) {
            auto passed = co_await pass();
            if (!passed) co_return base::pass(std::move(passed));
        }
        co_return co_await behind_.revisions(std::move(collection), std::move(after), limit);
    }
    [[nodiscard]] bool is_connected() const noexcept override { return behind_.is_connected(); }
    aio::task<void> close() override { return behind_.close(); }

  private:
    aio::task<> pass() {
        if (yields_) {
            auto yielded = co_await aio::sleep_for(std::chrono::nanoseconds(0));
            if (!yielded) co_return yielded;
        }
        ++waiting_;
        base::outcome<void> passed;
        while (is_shut_ && passed) passed = co_await opened_.wait();
        if (--waiting_ > 0 && !is_shut_) opened_.notify();  // the next one
        co_return passed;
    }

    ports::document_store& behind_;
    aio::notification opened_;
    int waiting_ = 0;
    bool yields_ = false;
    bool is_shut_ = false;
    bool is_shut_for_reads_ = false;
};

}  // namespace fakes
