#include "api/stream/stream_hub.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"

namespace {

using api::stream_hub;
using shared_text = std::shared_ptr<const std::string>;

shared_text share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

// Takes everything; drains after so many writes.
class client final : public http::stream_writer {
  public:
    explicit client(std::size_t writes) : left_(writes) {}
    aio::task<> write(shared_text bytes) override {
        written.push_back(std::move(bytes));
        if (left_ > 0) --left_;
        co_return base::ok();
    }
    void on_end(std::move_only_function<void()>) override {}
    [[nodiscard]] bool is_draining() const noexcept override { return left_ == 0; }

    [[nodiscard]] std::string text() const {
        std::string all;
        for (const auto& each : written) all += *each;
        return all;
    }
    std::vector<shared_text> written;

  private:
    std::size_t left_;
};

// Takes everything; drains when it is told to.
class patient_client final : public http::stream_writer {
  public:
    explicit patient_client(const aio::executor& on) : news_(on) {}
    aio::task<> write(shared_text bytes) override {
        written += *bytes;
        news_.notify();
        co_return base::ok();
    }
    void on_end(std::move_only_function<void()> tell) override { tell_ = std::move(tell); }
    [[nodiscard]] bool is_draining() const noexcept override { return is_draining_; }
    void drain() {
        is_draining_ = true;
        if (tell_) tell_();
    }
    aio::task<> until_it_heard(std::string_view what) {
        while (!written.contains(what)) {
            auto woken = co_await news_.wait();
            if (!woken) co_return woken;
        }
        co_return base::ok();
    }
    std::string written;

  private:
    aio::notification news_;
    std::move_only_function<void()> tell_;
    bool is_draining_ = false;
};

// One subscriber against a hub with changes 1 to `changes`, each "<n>".
client run(std::uint64_t changes, std::optional<std::uint64_t> after, std::size_t writes) {
    client to(writes);
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        for (std::uint64_t number = 1; number <= changes; ++number) {
            hub.publish(number, "default", share("<" + std::to_string(number) + ">"));
        }
        int part = 0;
        co_return co_await hub.run(
            to, {.after = after,
                 .snapshot =
                     [&part] {
                         return [&part]() -> shared_text {
                             return part < 2 ? share("part" + std::to_string(part++)) : nullptr;
                         };
                     },
                 .visible = domain::visible_projects::all(),
                 .process_epoch = "g"});
    }());
    EXPECT_TRUE(ended);
    return to;
}

TEST(stream_hub, gives_a_newcomer_the_content_part_by_part_and_where_it_stands) {
    const auto got = run(3, std::nullopt, 3);
    EXPECT_EQ(got.text(), "part0part1id: g-3\nevent: sync\ndata: {}\n\n");
}

TEST(stream_hub, resumes_behind_the_last_change_that_was_seen) {
    const auto got = run(3, 1, 2);
    EXPECT_EQ(got.text(), "id: g-1\nevent: sync\ndata: {}\n\n<2><3>");
}

TEST(stream_hub, tells_to_begin_anew_when_the_past_is_gone_or_foreign) {
    const auto lost = run(5000, 3, 4);
    EXPECT_EQ(lost.text(),
              "event: reset\ndata: {}\n\npart0part1id: g-5000\nevent: sync\ndata: {}\n\n");
    const auto foreign = run(3, UINT64_MAX, 4);
    EXPECT_TRUE(foreign.text().starts_with("event: reset\n"));
}

// Not with the next comment, which it would have to wait for.
TEST(stream_hub, a_drain_ends_a_stream_on_which_nothing_happens) {
    std::string heard;
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto on = co_await aio::this_executor();
        stream_hub hub(on);
        patient_client to(on);
        aio::task_group readers(on);
        readers.spawn(
            hub.run(to, {.snapshot = [] { return []() -> shared_text { return nullptr; }; },
                         .visible = domain::visible_projects::all(),
                         .process_epoch = "g"}));
        auto synced = co_await to.until_it_heard("event: sync");
        if (!synced) co_return synced;
        to.drain();
        co_await readers.join();
        heard = to.written;
        co_return base::ok();
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(heard, "id: g-0\nevent: sync\ndata: {}\n\n");
}

TEST(stream_hub, a_drain_ends_a_snapshot_between_two_parts) {
    std::string heard;
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto on = co_await aio::this_executor();
        stream_hub hub(on);
        patient_client to(on);
        const auto parts = [&to] {
            return [&to, part = 0]() mutable -> shared_text {
                if (part == 1) to.drain();
                return share("part" + std::to_string(part++));
            };
        };
        auto run = co_await hub.run(
            to,
            {.snapshot = parts, .visible = domain::visible_projects::all(), .process_epoch = "g"});
        heard = to.written;
        co_return run;
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(heard, "part0");
}

TEST(stream_hub, one_change_is_one_text_for_everybody) {
    client first(3);
    client second(3);
    const auto news = share("news");
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto on = co_await aio::this_executor();
        stream_hub hub(on);
        const auto none = [] { return []() -> shared_text { return nullptr; }; };
        aio::task_group readers(on);
        readers.spawn(hub.run(
            first,
            {.snapshot = none, .visible = domain::visible_projects::all(), .process_epoch = "g"}));
        readers.spawn(hub.run(
            second,
            {.snapshot = none, .visible = domain::visible_projects::all(), .process_epoch = "g"}));
        while (first.written.empty() || second.written.empty()) {
            co_await aio::sleep_for(std::chrono::milliseconds(1));
        }
        hub.publish(1, "default", news);
        while (first.written.size() < 2 || second.written.size() < 2) {
            co_await aio::sleep_for(std::chrono::milliseconds(1));
        }
        hub.publish(2, "default", share("more"));
        co_return co_await readers.join();
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(first.written.at(1), news);
    EXPECT_EQ(second.written.at(1), news);
}

TEST(stream_hub, sends_events_of_visible_projects) {
    client own(2);
    const auto first = share("<first>");
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        hub.publish(1, "shop", share("<hidden>"));
        hub.publish(2, "bank", first);
        hub.publish(3, "shop", share("<hidden>"));
        const auto principal = std::make_shared<const domain::principal>(
            domain::principal{.subject = "ben", .roles = {{"bank", domain::role::viewer}}});
        co_return co_await hub.run(
            own, {.after = 0,
                  .snapshot = [] { return []() -> shared_text { return nullptr; }; },
                  .visible = domain::visible_projects(principal),
                  .process_epoch = "g"});
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(own.text(), "id: g-0\nevent: sync\ndata: {}\n\n<first>");
    EXPECT_EQ(own.written.at(1), first);  // encoded once for all subscribers
}

}  // namespace
