#include "api/stream/stream_hub.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aio/block_on.hpp"

namespace {

using api::stream_access;
using api::stream_hub;
using shared_text = std::shared_ptr<const std::string>;

std::string id_of(std::uint64_t number) {
    return fmt::format("g-{}", number);
}

shared_text share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

// Accepts every write; drains after a number of writes.
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

// Accepts every write; drains when drain() is called.
class patient_client final : public http::stream_writer {
  public:
    explicit patient_client(const aio::executor& executor) : changed_(executor) {}
    aio::task<> write(shared_text bytes) override {
        written += *bytes;
        changed_.notify();
        co_return base::ok();
    }
    void on_end(std::move_only_function<void()> callback) override {
        callback_ = std::move(callback);
    }
    [[nodiscard]] bool is_draining() const noexcept override { return is_draining_; }
    void drain() {
        is_draining_ = true;
        if (callback_) callback_();
    }
    aio::task<> until_received(std::string_view text) {
        while (!written.contains(text)) {
            auto woken = co_await changed_.wait();
            if (!woken) co_return woken;
        }
        co_return base::ok();
    }
    std::string written;

  private:
    aio::notification changed_;
    std::move_only_function<void()> callback_;
    bool is_draining_ = false;
};

// One subscriber against a hub with changes 1 to `changes`, each "<n>".
client run(std::uint64_t changes, std::optional<std::uint64_t> after, std::size_t writes) {
    client subscriber(writes);
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        for (std::uint64_t number = 1; number <= changes; ++number) {
            hub.publish(number, "default", share("<" + std::to_string(number) + ">"));
        }
        int part = 0;
        co_return co_await hub.run(
            subscriber, {.after = after,
                         .snapshot =
                             [&part] {
                                 return [&part](const stream_access&) -> shared_text {
                                     return part < 2 ? share("part" + std::to_string(part++))
                                                     : nullptr;
                                 };
                             },
                         .visible = {domain::visible_projects::all()},
                         .id_of = id_of});
    }());
    EXPECT_TRUE(ended);
    return subscriber;
}

TEST(stream_hub, sends_a_new_stream_the_snapshot_in_parts_and_its_position) {
    const auto result = run(3, std::nullopt, 3);
    EXPECT_EQ(result.text(), "part0part1id: g-3\nevent: sync\ndata: {}\n\n");
}

TEST(stream_hub, resumes_after_the_last_received_event) {
    const auto result = run(3, 1, 2);
    EXPECT_EQ(result.text(), "id: g-1\nevent: sync\ndata: {}\n\n<2><3>");
}

TEST(stream_hub, sends_reset_if_the_position_is_too_old_or_of_another_process) {
    const auto lost = run(5000, 3, 4);
    EXPECT_EQ(lost.text(),
              "event: reset\ndata: {}\n\npart0part1id: g-5000\nevent: sync\ndata: {}\n\n");
    const auto foreign = run(3, UINT64_MAX, 4);
    EXPECT_TRUE(foreign.text().starts_with("event: reset\n"));
}

// The stream must not wait for the next keepalive.
TEST(stream_hub, a_drain_ends_an_idle_stream) {
    std::string received;
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        stream_hub hub(executor);
        patient_client subscriber(executor);
        aio::task_group readers(executor);
        readers.spawn(hub.run(
            subscriber,
            {.snapshot = [] { return [](const stream_access&) -> shared_text { return nullptr; }; },
             .visible = {domain::visible_projects::all()},
             .id_of = id_of}));
        auto synced = co_await subscriber.until_received("event: sync");
        if (!synced) co_return synced;
        subscriber.drain();
        co_await readers.join();
        received = subscriber.written;
        co_return base::ok();
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(received, "id: g-0\nevent: sync\ndata: {}\n\n");
}

TEST(stream_hub, a_drain_ends_a_snapshot_between_two_parts) {
    std::string received;
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        stream_hub hub(executor);
        patient_client subscriber(executor);
        const auto parts = [&subscriber] {
            return [&subscriber, part = 0](const stream_access&) mutable -> shared_text {
                if (part == 1) subscriber.drain();
                return share("part" + std::to_string(part++));
            };
        };
        auto run = co_await hub.run(
            subscriber,
            {.snapshot = parts, .visible = {domain::visible_projects::all()}, .id_of = id_of});
        received = subscriber.written;
        co_return run;
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(received, "part0");
}

TEST(stream_hub, subscribers_share_the_text_of_an_event) {
    client first(3);
    client second(3);
    const auto event = share("news");
    const auto ended = aio::block_on([&]() -> aio::task<> {
        const auto executor = co_await aio::this_executor();
        stream_hub hub(executor);
        const auto none = [] {
            return [](const stream_access&) -> shared_text { return nullptr; };
        };
        aio::task_group readers(executor);
        readers.spawn(hub.run(
            first,
            {.snapshot = none, .visible = {domain::visible_projects::all()}, .id_of = id_of}));
        readers.spawn(hub.run(
            second,
            {.snapshot = none, .visible = {domain::visible_projects::all()}, .id_of = id_of}));
        while (first.written.empty() || second.written.empty()) {
            co_await aio::sleep_for(std::chrono::milliseconds(1));
        }
        hub.publish(1, "default", event);
        while (first.written.size() < 2 || second.written.size() < 2) {
            co_await aio::sleep_for(std::chrono::milliseconds(1));
        }
        hub.publish(2, "default", share("more"));
        co_return co_await readers.join();
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(first.written.at(1), event);
    EXPECT_EQ(second.written.at(1), event);
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
            own,
            {.after = 0,
             .snapshot = [] { return [](const stream_access&) -> shared_text { return nullptr; }; },
             .visible = {domain::visible_projects(principal)},
             .id_of = id_of});
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(own.text(), "id: g-0\nevent: sync\ndata: {}\n\n<first>");
    EXPECT_EQ(own.written.at(1), first);  // encoded once for all subscribers
}

TEST(stream_hub, ends_a_stream_whose_access_was_lost_before_the_next_event) {
    client reader(9);
    int renewals = 0;
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        hub.publish(1, "shop", share("<one>"));
        co_return co_await hub.run(
            reader,
            {.after = 0,
             .snapshot = [] { return [](const stream_access&) -> shared_text { return nullptr; }; },
             .visible = {domain::visible_projects::all()},
             .renew =
                 [&](stream_access&) {
                     if (++renewals == 1) return true;
                     hub.publish(2, "shop", share("<hidden>"));
                     return false;
                 },
             .id_of = id_of});
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(reader.text(), "id: g-0\nevent: sync\ndata: {}\n\n<one>");
}

TEST(stream_hub, sends_no_event_of_a_project_without_its_permission) {
    client reader(2);
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        hub.publish(1, "shop", share("<project>"));
        hub.publish(2, "shop", share("<database>"), "db-1");
        co_return co_await hub.run(
            reader,
            {.after = 0,
             .snapshot = [] { return [](const stream_access&) -> shared_text { return nullptr; }; },
             .visible = {.projects = domain::visible_projects::all(), .reads_projects = false},
             .id_of = id_of});
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(reader.text(), "id: g-0\nevent: sync\ndata: {}\n\n<database>");
}

TEST(stream_hub, ends_a_snapshot_whose_access_was_lost_before_the_next_part) {
    client reader(9);
    const auto ended = aio::block_on([&]() -> aio::task<> {
        stream_hub hub(co_await aio::this_executor());
        const auto parts = [] {
            return [part = 0](const stream_access& visible) mutable -> shared_text {
                return share(std::to_string(part++) + (visible.reads_projects ? "+" : "-"));
            };
        };
        co_return co_await hub.run(reader, {.snapshot = parts,
                                            .visible = {domain::visible_projects::all()},
                                            .renew =
                                                [renewals = 0](stream_access& visible) mutable {
                                                    visible.reads_projects = ++renewals == 1;
                                                    return renewals <= 2;
                                                },
                                            .id_of = id_of});
    }());
    EXPECT_TRUE(ended);
    EXPECT_EQ(reader.text(), "0+1-");
}

}  // namespace
