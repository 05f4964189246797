#include "app/document_registry.hpp"

#include <gtest/gtest.h>

#include "aio/aio.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using base::errc;

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
    if (document.body == "corrupt") return base::fail(errc::corrupt, "not a note");
    return note{.id = document.id, .text = document.body};
}

using notes = app::document_registry<note>;

class document_registry : public testing::Test {
  protected:
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>()> start) {
        return fakes::poll_until_done<T>(loop_, std::move(start));
    }
    base::outcome<notes::result> append(notes& target, const std::string& text) {
        return run<notes::result>([&] { return target.put("a", appended(text)); });
    }
    static notes::change appended(const std::string& text) {
        return [text](const note* newest) -> base::outcome<note> {
            auto record = newest == nullptr ? note{.id = "a"} : *newest;
            record.text += text;
            return record;
        };
    }
    static aio::task<> append_once(notes& target) {
        auto written = co_await target.put("a", appended("x"));
        EXPECT_TRUE(written) << written.error().text;
        co_return base::ok();
    }
    base::outcome<void> remove(notes& target) {
        return run<void>([&] { return target.remove("a"); });
    }
    static std::string text_of(const notes& source) {
        const auto record = source.find("a");
        return record ? record->text : "-";
    }

    aio::loop loop_;
    fakes::memory_document_store store_;
    notes::format form_{.collection = "notes", .encode = encode_note, .decode = decode_note};
    notes first_{store_, form_};
    notes second_{store_, form_};
};

TEST_F(document_registry, writes_on_top_of_the_record_of_another_replica) {
    const auto created = append(first_, "1");
    ASSERT_TRUE(created) << created.error().text;
    EXPECT_TRUE(created->is_new);
    EXPECT_TRUE(created->is_changed);
    const auto changed = append(second_, "2");
    ASSERT_TRUE(changed) << changed.error().text;
    EXPECT_FALSE(changed->is_new);
    EXPECT_EQ(text_of(second_), "12");
    ASSERT_TRUE(append(first_, "3"));
    EXPECT_EQ(text_of(first_), "123");
    EXPECT_EQ(first_.known_version("a").revision, 3);
}

TEST_F(document_registry, writes_nothing_if_the_record_is_equal) {
    ASSERT_TRUE(append(first_, "1"));
    const auto result = append(first_, "");
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->is_changed);
    EXPECT_EQ(result->record->revision, 1);
}

TEST_F(document_registry, applies_the_changes_of_concurrent_writers_once_each) {
    aio::task_group writers(loop_.executor());
    for (int index = 0; index < 10; ++index) {
        for (auto* target : {&first_, &second_}) {
            writers.spawn(append_once(*target));
        }
    }
    while (writers.size() > 0) loop_.poll();
    ASSERT_TRUE(run<void>([&] { return first_.adopt("a"); }));
    EXPECT_EQ(text_of(first_), std::string(20, 'x'));
}

TEST_F(document_registry, succeeds_if_the_response_of_the_store_is_lost) {
    int announced = 0;
    first_.on_write([&](const std::string&, ports::revision) { ++announced; });
    store_.lose_next_response();
    const auto created = append(first_, "1");
    ASSERT_TRUE(created);
    EXPECT_TRUE(created->is_new);
    EXPECT_EQ(created->record->revision, 1);
    store_.lose_next_response();
    EXPECT_TRUE(remove(first_));
    EXPECT_EQ(text_of(first_), "-");
    EXPECT_EQ(announced, 2);
}

TEST_F(document_registry, returns_the_error_of_a_store_that_is_unavailable) {
    store_.fail_next(2);
    EXPECT_EQ(append(first_, "1").error().code, errc::unavailable);
    EXPECT_EQ(text_of(first_), "-");
    ASSERT_TRUE(append(first_, "1"));
    store_.fail_next(2);
    EXPECT_EQ(remove(first_).error().code, errc::unavailable);
    EXPECT_EQ(text_of(first_), "1");
}

// The revision that was expected is of no use to a client: it named none.
TEST_F(document_registry, returns_the_error_of_the_read_after_a_write_of_another_replica) {
    ASSERT_TRUE(append(first_, "1"));
    ASSERT_TRUE(append(second_, "2"));
    store_.fail_after(1, 1);
    EXPECT_EQ(append(first_, "3").error().code, errc::unavailable);
    EXPECT_TRUE(append(first_, "3"));
    EXPECT_EQ(text_of(first_), "123");
}

TEST_F(document_registry, deletes_the_newest_record_only_if_the_condition_accepts_it) {
    const auto remove_if_text = [&](notes& target, const std::string& text) {
        return run<bool>([&] {
            return target.remove_if("a", [&](const note& newest) { return newest.text == text; });
        });
    };
    EXPECT_EQ(remove_if_text(first_, "1"), true);  // there is none
    ASSERT_TRUE(append(first_, "1"));
    EXPECT_EQ(remove_if_text(first_, "2"), false);
    ASSERT_TRUE(append(second_, "2"));
    EXPECT_EQ(text_of(first_), "1");
    EXPECT_EQ(remove_if_text(first_, "1"), false);  // the other replica has changed it
    EXPECT_EQ(text_of(first_), "12");
    int announced = 0;
    first_.on_write([&](const std::string&, ports::revision) { ++announced; });
    store_.lose_next_response();
    EXPECT_EQ(remove_if_text(first_, "12"), true);
    EXPECT_EQ(text_of(first_), "-");
    EXPECT_EQ(announced, 1);
    EXPECT_EQ(remove_if_text(second_, "12"), true);  // gone in the meantime
    EXPECT_EQ(text_of(second_), "-");

    ASSERT_TRUE(append(first_, "1"));
    store_.fail_next(1);
    EXPECT_EQ(remove_if_text(first_, "1").error().code, errc::unavailable);
    ASSERT_TRUE(append(second_, "2"));
    store_.fail_after(1, 1);
    EXPECT_FALSE(remove_if_text(first_, "1"));
    EXPECT_EQ(text_of(first_), "1");
}

TEST_F(document_registry, reports_changed_documents_to_its_observers) {
    std::vector<std::string> changed;
    std::vector<std::pair<std::string, ports::revision>> written;
    first_.on_change([&](const std::vector<std::string>& ids) { changed = ids; });
    first_.on_write([&](const std::string& id, ports::revision revision) {
        written.emplace_back(id, revision);
    });
    ASSERT_TRUE(append(first_, "1"));
    EXPECT_EQ(std::exchange(changed, {}), std::vector<std::string>{"a"});
    ASSERT_TRUE(append(second_, "2"));
    ASSERT_TRUE(run<void>([&] { return first_.refresh(); }));
    EXPECT_EQ(std::exchange(changed, {}), std::vector<std::string>{"a"});
    ASSERT_TRUE(run<void>([&] { return first_.adopt("a"); }));  // nothing has changed
    EXPECT_TRUE(changed.empty());
    ASSERT_TRUE(remove(first_));
    EXPECT_EQ(changed, std::vector<std::string>{"a"});
    EXPECT_EQ(written, (std::vector<std::pair<std::string, ports::revision>>{{"a", 1}, {"a", 0}}));
}

TEST_F(document_registry, does_not_load_a_document_that_it_cannot_read) {
    ASSERT_TRUE(append(first_, "corrupt"));
    const auto loaded = run<void>([&] { return second_.load(); });
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, errc::corrupt);
    EXPECT_TRUE(loaded.error().text.contains("a")) << loaded.error().text;
}

}  // namespace
