#include "app/record_feed.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <ranges>

#include "app/document_registry.hpp"
#include "app/record_collection.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

// A bus whose messages wait until the test delivers, drops, repeats or reorders them.
class held_bus final : public ports::bus {
  public:
    aio::task<void> publish(std::string, std::string message) override {
        if (!is_up) co_return base::fail(base::errc::unavailable, "the bus is down");
        messages.push_back(std::move(message));
        co_return base::ok();
    }
    std::unique_ptr<subscription> subscribe(std::string, subscriber target) override {
        subscribers.push_back(std::move(target));
        return std::make_unique<subscription>();
    }
    [[nodiscard]] bool is_connected() const noexcept override { return is_up; }

    void resume() const {
        for (const auto& target : subscribers) target.on_resumed();
    }
    void deliver(const std::string& message) const {
        for (const auto& target : subscribers) target.on_message(message);
    }

    bool is_up = true;
    std::deque<std::string> messages;
    std::vector<subscriber> subscribers;
};

// A record of a collection that joins the feed in addition to the records of the platform.
struct note {
    std::string id;
    std::string text;
    ports::revision revision = 0;
    bool operator==(const note&) const = default;
};
ports::document encode_note(const note& source) {
    return {.id = source.id, .body = source.text};
}
base::outcome<note> decode_note(const ports::document& document) {
    if (document.body == "corrupt") return base::fail(base::errc::corrupt, "not a note");
    return note{.id = document.id, .text = document.body};
}

// One process: its memory, its repository and its feed.
struct replica {
    replica(aio::loop& loop, ports::document_store& store, ports::bus* bus,
            const base::clock& clock, obs::log& log = obs::null_log())
        : cache(clock, 30s),
          records(store, cache, clock, obs::null_log()),
          notes(store, {.collection = "notes", .encode = encode_note, .decode = decode_note}),
          feed({.executor = loop.executor(),
                .store = store,
                .collections = {&projects, &operations, &databases, &notes},
                .bus = bus,
                .clock = clock,
                .log = log,
                .probe = probe},
               {.anti_entropy_interval = std::chrono::hours(1), .flush_interval = 0ms}) {}
    [[nodiscard]] std::string label(const std::string& id) {
        const auto* database = cache.find(id);
        return database == nullptr ? "-" : database->record->labels.at("color");
    }

    obs::registry registry;
    app::probe probe{registry};
    app::state_cache cache;
    app::record_repository records;
    app::record_collection projects{app::record_kind::project, records, cache};
    app::record_collection operations{app::record_kind::operation, records, cache};
    app::record_collection databases{app::record_kind::database, records, cache};
    app::document_registry<note> notes;
    app::record_feed feed;
};

class record_feed : public testing::Test {
  protected:
    void SetUp() override {
        for (auto* process : {&first_, &second_}) {
            loops_.spawn([process] { return process->feed.run(); });
        }
        turn();
    }
    void TearDown() override {
        loop_.post([this] { loops_.cancel(); });
        while (loops_.size() > 0) loop_.poll();
    }
    // Runs the loop until it is idle. Includes the timers of the flush interval.
    void turn() { fakes::poll_until_idle(loop_); }
    template <class T>
    base::outcome<T> await(std::function<aio::task<T>()> start) {
        auto result = fakes::poll_until_done<T>(loop_, std::move(start));
        turn();
        return result;
    }
    void create(replica& writer, const std::string& id) {
        const auto created = await<std::shared_ptr<const domain::database>>([&] {
            return writer.records.create({.id = id,
                                          .project = "shop",
                                          .name = "name-of-" + id,
                                          .engine = "redis",
                                          .labels = {{"color", "red"}}});
        });
        ASSERT_TRUE(created) << created.error().text;
    }
    void paint(replica& writer, const std::string& id, const std::string& color) {
        const auto written = await<std::shared_ptr<const domain::database>>([&] {
            return writer.records.update(
                id,
                [color](domain::database record) {
                    record.labels["color"] = color;
                    return base::outcome<domain::database>(std::move(record));
                },
                app::record_origin::command);
        });
        ASSERT_TRUE(written) << written.error().text;
    }
    void forget(replica& writer, const std::string& id) {
        ASSERT_TRUE(await<void>([&] { return writer.records.forget(id); }));
    }
    void put_project(replica& writer, domain::project record) {
        using project = std::shared_ptr<const domain::project>;
        const auto put =
            await<project>([&] { return writer.records.put_project(std::move(record)); });
        ASSERT_TRUE(put) << put.error().text;
    }
    void write_note(replica& writer, const std::string& id, const std::string& text) {
        using result = app::document_registry<note>::result;
        const auto written = await<result>([&] {
            return writer.notes.put(id, [&](const note*) -> base::outcome<note> {
                return note{.id = id, .text = text};
            });
        });
        ASSERT_TRUE(written) << written.error().text;
    }
    static std::string text_of(const replica& reader, const std::string& id) {
        const auto record = reader.notes.find(id);
        return record ? record->text : "-";
    }
    base::outcome<void> compare(replica& reader) {
        return await<void>([&] { return reader.feed.compare(); });
    }
    void deliver_all() {
        while (!bus_.messages.empty()) {
            const auto message = bus_.messages.front();
            bus_.messages.pop_front();
            bus_.deliver(message);
            turn();
        }
    }

    fakes::manual_clock clock_;
    aio::loop loop_;
    fakes::memory_document_store store_;
    held_bus bus_;
    fakes::recording_log log_;
    replica first_{loop_, store_, &bus_, clock_, log_};
    replica second_{loop_, store_, &bus_, clock_};
    aio::task_group loops_{loop_.executor()};
};

TEST_F(record_feed, adopts_creates_patches_and_deletes_of_another_process_from_the_bus) {
    create(first_, "db-a");
    deliver_all();
    EXPECT_EQ(second_.label("db-a"), "red");
    paint(second_, "db-a", "blue");
    deliver_all();
    EXPECT_EQ(first_.label("db-a"), "blue");
    forget(first_, "db-a");
    deliver_all();
    EXPECT_EQ(second_.label("db-a"), "-");
}

TEST_F(record_feed, adopts_everything_by_anti_entropy_if_all_messages_are_lost) {
    create(first_, "db-a");
    create(first_, "db-b");
    create(first_, "db-c");
    bus_.messages.clear();
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.label("db-b"), "red");
    paint(first_, "db-b", "blue");
    forget(first_, "db-c");
    bus_.messages.clear();
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.label("db-a"), "red");
    EXPECT_EQ(second_.label("db-b"), "blue");
    EXPECT_EQ(second_.label("db-c"), "-");
}

TEST_F(record_feed, counts_only_the_records_that_a_comparison_changed) {
    create(first_, "db-a");
    create(first_, "db-b");
    deliver_all();
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.probe.anti_entropy_repairs.value(), 0U) << "the bus has delivered both";
    paint(first_, "db-a", "blue");
    forget(first_, "db-b");
    bus_.messages.clear();
    EXPECT_FALSE(first_.feed.last_compared());
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.probe.anti_entropy_repairs.value(), 2U);
    EXPECT_EQ(second_.feed.last_compared(), clock_.now());
}

TEST_F(record_feed, keeps_the_newest_record_if_messages_are_repeated_and_reordered) {
    create(first_, "db-a");
    paint(first_, "db-a", "blue");
    paint(first_, "db-a", "green");
    auto messages = bus_.messages;
    for (const auto& message : std::views::reverse(messages)) {
        bus_.deliver(message);
        turn();
        bus_.deliver(message);
        turn();
    }
    EXPECT_EQ(second_.label("db-a"), "green");
    EXPECT_EQ(second_.cache.find("db-a")->record->revision, 3);
    forget(first_, "db-a");
    bus_.deliver("databases db-a 2\n");  // older than the deletion
    turn();
    EXPECT_EQ(second_.label("db-a"), "-");
}

TEST_F(record_feed, compares_at_once_after_the_bus_was_interrupted) {
    create(first_, "db-a");
    bus_.messages.clear();
    EXPECT_EQ(second_.label("db-a"), "-");
    bus_.resume();
    turn();
    EXPECT_EQ(second_.label("db-a"), "red");
}

TEST_F(record_feed, compares_every_2_s_while_the_bus_is_down) {
    bus_.is_up = false;
    clock_.advance(2s);
    turn();
    create(first_, "db-a");
    bus_.messages.clear();
    clock_.advance(1900ms);
    turn();
    EXPECT_EQ(second_.label("db-a"), "-");
    clock_.advance(100ms);
    turn();
    EXPECT_EQ(second_.label("db-a"), "red");

    bus_.is_up = true;
    clock_.advance(2s);
    turn();
    create(first_, "db-b");
    bus_.messages.clear();
    clock_.advance(10s);
    turn();
    EXPECT_EQ(second_.label("db-b"), "-");
    clock_.advance(1h);
    turn();
    EXPECT_EQ(second_.label("db-b"), "red");
}

TEST_F(record_feed, logs_the_first_failure_of_the_bus_until_it_succeeds) {
    const auto failures = [this] { return log_.lines_of("bus_publish_failed").size(); };
    bus_.is_up = false;
    create(first_, "db-a");
    paint(first_, "db-a", "blue");
    EXPECT_EQ(failures(), 1U);
    bus_.is_up = true;
    paint(first_, "db-a", "green");
    clock_.advance(1s);
    turn();
    bus_.is_up = false;
    paint(first_, "db-a", "white");
    EXPECT_EQ(failures(), 2U);
}

TEST_F(record_feed, ignores_messages_of_another_format) {
    create(first_, "db-a");
    bus_.messages.clear();
    for (const auto* message : {"", "\n\n", "databases", "databases db-a", "databases db-a x\n",
                                "volumes db-a 1\n", "databases db-a 1x\n"}) {
        bus_.deliver(message);
        turn();
    }
    EXPECT_EQ(second_.label("db-a"), "-");
    bus_.deliver("volumes v 1\ndatabases db-a 1\n");
    turn();
    EXPECT_EQ(second_.label("db-a"), "red");
}

TEST_F(record_feed, writes_against_the_revision_of_another_process) {
    create(first_, "db-a");
    deliver_all();
    paint(first_, "db-a", "blue");
    bus_.messages.clear();
    paint(second_, "db-a", "green");  // reads the record again and writes on top of it
    EXPECT_EQ(second_.cache.find("db-a")->record->revision, 3);
    deliver_all();
    EXPECT_EQ(first_.label("db-a"), "green");
}

TEST_F(record_feed, adopts_projects_and_archived_operations) {
    put_project(first_, {.name = "shop", .display_name = "Shop"});
    deliver_all();
    ASSERT_NE(second_.cache.project("shop"), nullptr);
    auto changed = *second_.cache.project("shop");
    changed.display_name = "Shop 2";
    put_project(second_, changed);
    deliver_all();
    EXPECT_EQ(first_.cache.project("shop")->display_name, "Shop 2");

    create(first_, "db-a");
    const auto begun = await<std::shared_ptr<const domain::database>>([&] {
        return first_.records.update(
            "db-a",
            [](domain::database record) {
                record.operations.push_back({.id = "op-a", .database_id = "db-a"});
                return base::outcome<domain::database>(std::move(record));
            },
            app::record_origin::command);
    });
    ASSERT_TRUE(begun);
    forget(first_, "db-a");
    deliver_all();
    EXPECT_TRUE(second_.cache.archived().contains("op-a"));
}

TEST_F(record_feed, adopts_a_project_that_was_deleted_and_created_again) {
    put_project(first_, {.name = "shop"});
    for (const auto* name : {"b", "c"}) {
        auto changed = *first_.cache.project("shop");
        changed.display_name = name;
        put_project(first_, changed);
    }
    deliver_all();
    EXPECT_EQ(second_.cache.project("shop")->revision, 3);
    ASSERT_TRUE(await<void>([&] { return first_.records.delete_project("shop"); }));
    put_project(first_, {.name = "shop", .display_name = "new"});
    bus_.messages.clear();
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.cache.project("shop")->display_name, "new");
    EXPECT_EQ(second_.cache.project("shop")->revision, 1);
}

TEST_F(record_feed, adopts_documents_with_equal_revisions_by_anti_entropy) {
    put_project(first_, {.name = "shop", .display_name = "old"});
    write_note(first_, "a", "old");
    deliver_all();
    ASSERT_TRUE(await<void>([&] { return first_.records.delete_project("shop"); }));
    ASSERT_TRUE(await<void>([&] { return first_.notes.remove("a"); }));
    put_project(first_, {.name = "shop", .display_name = "new"});
    write_note(first_, "a", "new");
    bus_.messages.clear();
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.cache.project("shop")->display_name, "new");
    EXPECT_EQ(text_of(second_, "a"), "new");
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.probe.anti_entropy_repairs.value(), 2U);
}

TEST_F(record_feed, does_not_write_over_a_document_that_was_created_again) {
    put_project(first_, {.name = "shop", .max_databases = 1});
    deliver_all();
    ASSERT_TRUE(await<void>([&] { return first_.records.delete_project("shop"); }));
    put_project(first_, {.name = "shop", .max_databases = 2});
    bus_.messages.clear();
    const auto changed = await<std::shared_ptr<const domain::project>>([&] {
        return second_.records.update_project("shop", [](domain::project record) {
            record.display_name = "Shop";
            return base::outcome<domain::project>(std::move(record));
        });
    });
    ASSERT_TRUE(changed) << changed.error().text;
    EXPECT_EQ((*changed)->max_databases, 2);
    EXPECT_EQ((*changed)->revision, 2);
}

TEST_F(record_feed, adopts_again_after_the_store_was_unavailable) {
    create(first_, "db-a");
    bus_.messages.clear();
    store_.fail_next(1);
    EXPECT_EQ(compare(second_).error().code, base::errc::unavailable);
    EXPECT_EQ(second_.label("db-a"), "-");
    store_.fail_next(1);
    bus_.deliver("databases db-a 1\n");  // the read fails
    turn();
    EXPECT_EQ(second_.label("db-a"), "-");
    ASSERT_TRUE(compare(second_));
    EXPECT_EQ(second_.label("db-a"), "red");
}

TEST_F(record_feed, logs_the_first_of_equal_failures_of_comparisons) {
    const auto failures = [this] { return log_.lines_of("anti_entropy_failed").size(); };
    const auto fail_comparisons = [this](int count) {
        bus_.resume();
        store_.fail_next(2 * count);  // both replicas compare
        for (int turns = 0; turns < count; ++turns) {
            turn();
            clock_.advance(2s);
        }
        turn();
    };
    fail_comparisons(3);
    EXPECT_EQ(failures(), 1U);
    fail_comparisons(1);
    EXPECT_EQ(failures(), 2U);
}

TEST_F(record_feed, compares_within_2_s_after_a_failed_read_of_the_store) {
    create(first_, "db-a");
    store_.fail_next(1);
    deliver_all();
    EXPECT_EQ(second_.label("db-a"), "-");
    store_.fail_next(1);
    clock_.advance(2s);
    turn();
    EXPECT_EQ(second_.label("db-a"), "-");
    clock_.advance(2s);
    turn();
    EXPECT_EQ(second_.label("db-a"), "red");
}

TEST_F(record_feed, keeps_a_collection_that_joined_it_current) {
    write_note(first_, "n 1", "one");  // an id may contain spaces
    deliver_all();
    EXPECT_EQ(text_of(second_, "n 1"), "one");
    write_note(second_, "n 1", "two");
    bus_.messages.clear();
    ASSERT_TRUE(compare(first_));
    EXPECT_EQ(text_of(first_, "n 1"), "two");
    ASSERT_TRUE(await<void>([&] { return first_.notes.remove("n 1"); }));
    deliver_all();
    EXPECT_EQ(text_of(second_, "n 1"), "-");
}

TEST_F(record_feed, adopts_the_documents_after_one_that_it_cannot_read) {
    write_note(first_, "a", "one");
    ASSERT_TRUE(await<ports::revision>([&] {
        return store_.put({.collection = "notes", .content = {.id = "b", .body = "corrupt"}});
    }));
    write_note(first_, "c", "three");
    bus_.messages.clear();
    EXPECT_EQ(compare(second_).error().code, base::errc::corrupt);
    EXPECT_EQ(text_of(second_, "a"), "one");
    EXPECT_EQ(text_of(second_, "c"), "three");
}

TEST_F(record_feed, publishes_the_writes_of_an_interruption_after_it) {
    bus_.is_up = false;
    write_note(first_, "a", "one");
    bus_.is_up = true;
    clock_.advance(1s);
    turn();
    deliver_all();
    EXPECT_EQ(text_of(second_, "a"), "one");
}

TEST_F(record_feed, adopts_a_document_that_was_deleted_and_created_again_at_once) {
    write_note(first_, "a", "one");
    deliver_all();
    ASSERT_TRUE(fakes::poll_until_done<void>(loop_, [&] { return first_.notes.remove("a"); }));
    write_note(first_, "a", "two");  // with the same revision
    deliver_all();
    EXPECT_EQ(text_of(second_, "a"), "two");
}

}  // namespace
