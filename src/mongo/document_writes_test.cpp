#include "mongo/document_writes.hpp"

#include <bson/bson.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace {

using base::errc;
using mongo::error_kind;

// A driver over a map, with scripted errors before or after the effect of a write.
class scripted_driver final : public mongo::driver {
  public:
    struct step {
        error_kind kind;
        bool is_applied = false;  // the server applies the write and the response is lost
        std::function<void(scripted_driver&)> act{};  // the act of another process, after the step
    };
    std::deque<step> steps;
    std::map<std::string, mongo::stored_version> documents;
    std::map<std::string, std::string> unique;  // value -> id
    int writes = 0;
    std::vector<std::size_t> bulk_sizes;

    mongo::call_result<void> insert(const std::string&, std::string_view document) override {
        return run<void>([&]() -> mongo::call_result<void> { return insert_now(document); });
    }
    mongo::call_result<mongo::write_counts> replace(const std::string&, std::string_view filter,
                                                    std::string_view document) override {
        return run<mongo::write_counts>([&] { return replace_now(filter, document); });
    }
    mongo::call_result<mongo::write_counts> erase(const std::string&,
                                                  std::string_view filter) override {
        return run<mongo::write_counts>([&]() -> mongo::call_result<mongo::write_counts> {
            const auto it = select(filter);
            if (it == documents.end()) return mongo::write_counts{};
            documents.erase(it);
            return mongo::write_counts{.deleted = 1};
        });
    }
    mongo::bulk_result bulk(const std::string&,
                            std::span<const mongo::bulk_statement> statements) override {
        bulk_sizes.push_back(statements.size());
        mongo::bulk_result result;
        const auto outcome = run<void>([&]() -> mongo::call_result<void> {
            for (std::size_t index = 0; index < statements.size(); ++index) {
                const auto& [filter, document] = statements[index];
                if (filter.empty()) {
                    auto inserted = insert_now(document);
                    if (!inserted) result.errors.emplace_back(index, inserted.error());
                } else {
                    auto replaced = replace_now(filter, document);
                    if (replaced) result.counts.matched += replaced->matched;
                    if (!replaced) result.errors.emplace_back(index, replaced.error());
                }
            }
            return {};
        });
        if (!outcome) result = {.failure = outcome.error()};
        return result;
    }
    mongo::call_result<std::vector<std::string>> find(const std::string&, std::string_view filter,
                                                      std::string_view) override {
        if (!steps.empty() && steps.front().kind == error_kind::expired) {
            steps.pop_front();
            return std::unexpected(mongo::call_error{.kind = error_kind::expired});
        }
        std::vector<std::string> result;
        for (const auto& [id, version] : documents) {
            if (filter.find(id) == std::string_view::npos) continue;
            result.push_back(mongo::encode({.id = id}, version.revision, version.write_id));
        }
        return result;
    }
    mongo::call_result<std::string> command(std::string_view, std::string_view) override {
        return std::string();
    }
    mongo::call_result<std::vector<std::string>> collection_names() override {
        return std::vector<std::string>();
    }
    [[nodiscard]] std::size_t connections_max() const noexcept override { return 1; }

    // The write of another process.
    void write_outside(const std::string& id, ports::revision revision) {
        documents[id] = {.id = id, .revision = revision, .write_id = "other"};
    }

  private:
    static mongo::stored_version fields_of(std::string_view filter) {
        bson_t view;
        bson_iter_t field;
        mongo::stored_version result;
        bson_init_static(&view, reinterpret_cast<const std::uint8_t*>(filter.data()),
                         filter.size());
        bson_iter_init(&field, &view);
        while (bson_iter_next(&field)) {
            const std::string_view name = bson_iter_key(&field);
            if (name == "_id") result.id = bson_iter_utf8(&field, nullptr);
            if (name == "rev") result.revision = bson_iter_int64(&field);
            if (name == "write_id") result.write_id = bson_iter_utf8(&field, nullptr);
        }
        return result;
    }
    // Returns the document that the filter selects, or the end.
    std::map<std::string, mongo::stored_version>::iterator select(std::string_view filter) {
        const auto wanted = fields_of(filter);
        const auto it = documents.find(wanted.id);
        if (it == documents.end()) return it;
        const bool is_selected =
            (wanted.revision == 0 || wanted.revision == it->second.revision) &&
            (wanted.write_id.empty() || wanted.write_id == it->second.write_id);
        return is_selected ? it : documents.end();
    }

    template <class T, class Work>
    mongo::call_result<T> run(Work work) {
        ++writes;
        if (steps.empty()) return work();
        const auto step = std::move(steps.front());
        steps.pop_front();
        if (step.is_applied) (void)work();
        if (step.act) step.act(*this);
        return std::unexpected(mongo::call_error{.kind = step.kind, .text = "scripted"});
    }

    mongo::call_result<void> check_unique(const ports::document& document) {
        for (const auto& [name, value] : document.unique) {
            const auto it = unique.find(value);
            if (it != unique.end() && it->second != document.id) {
                return std::unexpected(mongo::call_error{
                    .kind = error_kind::duplicate_key,
                    .text = "E11000 duplicate key error collection: t.c index: unique_by_value "
                            "dup key: { unique: { v: \"index: _id_\" } }"});
            }
            unique[value] = document.id;
        }
        return {};
    }
    mongo::call_result<void> insert_now(std::string_view bytes) {
        const auto document = *mongo::decode(bytes);
        if (documents.contains(document.id)) {
            return std::unexpected(mongo::call_error{
                .kind = error_kind::duplicate_key,
                .text = "E11000 duplicate key error collection: t.c index: _id_ dup key: { }"});
        }
        auto checked = check_unique(document);
        if (!checked) return checked;
        documents[document.id] = *mongo::decode_version(bytes);
        return {};
    }
    mongo::call_result<mongo::write_counts> replace_now(std::string_view filter,
                                                        std::string_view bytes) {
        const auto it = select(filter);
        if (it == documents.end()) return mongo::write_counts{};
        auto checked = check_unique(*mongo::decode(bytes));
        if (!checked) return std::unexpected(checked.error());
        it->second = *mongo::decode_version(bytes);
        return mongo::write_counts{.matched = 1};
    }
};

class document_writes : public ::testing::Test {
  protected:
    using step = scripted_driver::step;

    base::outcome<ports::revision> put(const std::string& id, ports::revision expected) {
        return writes_.put({.collection = "c", .content = {.id = id}, .expected = expected});
    }
    base::outcome<void> remove(const std::string& id, ports::revision expected) {
        return writes_.remove({.collection = "c", .id = id, .expected = expected});
    }

    scripted_driver driver_;
    mongo::document_writes writes_{driver_,
                                   std::chrono::steady_clock::now() + std::chrono::hours(1)};
};

TEST_F(document_writes, repeats_a_write_that_was_not_applied) {
    driver_.steps = {{.kind = error_kind::not_primary}, {.kind = error_kind::connection_lost}};
    EXPECT_EQ(put("a", 0).value(), 1);
    EXPECT_EQ(driver_.writes, 3);
    EXPECT_FALSE(writes_.last_error());
    EXPECT_EQ(writes_.confirmed(), 0u);
}

TEST_F(document_writes, finds_its_own_write_after_a_lost_response) {
    driver_.steps = {{.kind = error_kind::connection_lost, .is_applied = true}};
    EXPECT_EQ(put("a", 0).value(), 1);
    driver_.steps = {{.kind = error_kind::interrupted, .is_applied = true}};
    EXPECT_EQ(put("a", 1).value(), 2);
    EXPECT_EQ(driver_.documents.at("a").revision, 2) << "the write is applied once";
    EXPECT_EQ(writes_.confirmed(), 2u);
}

TEST_F(document_writes, reports_the_write_of_another_process_as_precondition) {
    driver_.steps = {{.kind = error_kind::connection_lost,
                      .act = [](auto& driver) { driver.write_outside("a", 1); }}};
    EXPECT_EQ(put("a", 0).error().code, errc::precondition);
    driver_.steps = {{.kind = error_kind::connection_lost,
                      .act = [](auto& driver) { driver.write_outside("a", 2); }}};
    EXPECT_EQ(put("a", 1).error().code, errc::precondition) << "revision 2 is not ours";
    EXPECT_EQ(put("a", 1).error().code, errc::precondition);
}

TEST_F(document_writes, reports_an_overtaken_unconfirmed_write_as_unavailable) {
    driver_.write_outside("a", 1);
    driver_.steps = {{.kind = error_kind::connection_lost,
                      .is_applied = true,
                      .act = [](auto& driver) { driver.write_outside("a", 3); }}};
    const auto overtaken = put("a", 1);
    EXPECT_EQ(overtaken.error().code, errc::unavailable);
    EXPECT_TRUE(overtaken.error().cause.is_empty()) << "the write may have been applied";
    driver_.steps = {{.kind = error_kind::connection_lost,
                      .is_applied = true,
                      .act = [](auto& driver) { driver.documents.clear(); }}};
    EXPECT_EQ(put("a", 3).error().code, errc::unavailable);
}

TEST_F(document_writes, rejects_a_write_over_a_document_that_was_created_again) {
    ports::put_request request{.collection = "c", .content = {.id = "a"}, .write_id = "first"};
    ASSERT_TRUE(writes_.put(request));
    EXPECT_EQ(driver_.documents.at("a").write_id, "first");
    driver_.write_outside("a", 1);
    request.expected = 1;
    request.expected_write_id = "first";
    request.write_id = "second";
    const auto rejected = writes_.put(request);
    EXPECT_EQ(rejected.error().code, errc::precondition);
    EXPECT_EQ(rejected.error().text, "'c/a' was deleted and created again");
    EXPECT_EQ(
        writes_.remove({.collection = "c", .id = "a", .expected = 1, .expected_write_id = "first"})
            .error()
            .code,
        errc::precondition);
    const auto bulk = writes_.put_bulk({request});
    EXPECT_EQ(bulk.at(0).error().code, errc::precondition);

    driver_.steps = {{.kind = error_kind::connection_lost}};
    EXPECT_EQ(writes_.put(request).error().code, errc::unavailable)
        << "the first attempt may have been applied before the deletion";
    request.expected_write_id = "other";
    EXPECT_EQ(writes_.put(request).value(), 2);
}

TEST_F(document_writes, does_not_call_a_write_not_started_after_an_unknown_attempt) {
    driver_.steps = {{.kind = error_kind::connection_lost}, {.kind = error_kind::not_sent}};
    const auto unknown = put("a", 0);
    EXPECT_EQ(unknown.error().code, errc::unavailable);
    EXPECT_TRUE(unknown.error().cause.is_empty());
    driver_.steps = {{.kind = error_kind::not_primary}, {.kind = error_kind::not_sent}};
    EXPECT_EQ(put("a", 0).error().cause, ports::store_cause::not_started);
    ASSERT_TRUE(writes_.last_error());
    EXPECT_EQ(writes_.last_error()->kind, error_kind::not_sent);
}

TEST_F(document_writes, does_not_repeat_a_write_that_a_majority_did_not_confirm) {
    driver_.steps = {{.kind = error_kind::write_unconfirmed, .is_applied = true}};
    const auto unconfirmed = put("a", 0);
    EXPECT_EQ(unconfirmed.error().code, errc::unavailable);
    EXPECT_EQ(unconfirmed.error().reason, "write_unconfirmed");
    EXPECT_EQ(driver_.writes, 1);
}

TEST_F(document_writes, distinguishes_unique_values_from_ids_and_revisions) {
    const ports::put_request first{.collection = "c",
                                   .content = {.id = "a", .unique = {{"name", "index: _id_"}}}};
    EXPECT_EQ(writes_.put(first).value(), 1);
    auto second = first;
    second.content.id = "b";
    const auto conflict = writes_.put(second);
    EXPECT_EQ(conflict.error().cause, ports::store_cause::not_unique) << conflict.error().text;
    EXPECT_EQ(conflict.error().text, "the name 'index: _id_' is already in use");
    EXPECT_EQ(put("b", 0).value(), 1);
    second.expected = 1;
    EXPECT_EQ(writes_.put(second).error().cause, ports::store_cause::not_unique);
    EXPECT_EQ(writes_.put(first).error().code, errc::precondition);
}

TEST_F(document_writes, deletes_again_after_a_lost_response) {
    ASSERT_TRUE(put("a", 0));
    driver_.steps = {{.kind = error_kind::connection_lost, .is_applied = true}};
    EXPECT_TRUE(remove("a", 0));
    ASSERT_TRUE(put("a", 0));
    driver_.steps = {{.kind = error_kind::connection_lost}};
    EXPECT_TRUE(remove("a", 1));
    ASSERT_TRUE(put("a", 0));
    driver_.steps = {{.kind = error_kind::connection_lost, .is_applied = true}};
    const auto unknown = remove("a", 1);
    EXPECT_EQ(unknown.error().code, errc::unavailable) << "another process may have deleted it";
    EXPECT_TRUE(unknown.error().cause.is_empty());
    EXPECT_EQ(remove("a", 1).error().code, errc::precondition);
}

TEST_F(document_writes, splits_bulks_at_50_statements_and_at_repeated_ids) {
    std::vector<ports::put_request> requests;
    requests.reserve(61);
    for (int number = 0; number < 60; ++number) {
        requests.push_back({.collection = "c", .content = {.id = "n" + std::to_string(number)}});
    }
    requests.push_back({.collection = "c", .content = {.id = "n55"}, .expected = 1});
    const auto results = writes_.put_bulk(requests);
    EXPECT_EQ(driver_.bulk_sizes, (std::vector<std::size_t>{50, 10, 1}));
    ASSERT_EQ(results.size(), 61u);
    for (std::size_t index = 0; index < 60; ++index) EXPECT_EQ(results[index].value(), 1);
    EXPECT_EQ(results[60].value(), 2);
}

TEST_F(document_writes, splits_bulks_by_size) {
    std::vector<ports::put_request> requests;
    for (const char* id : {"a", "b", "c"}) {
        requests.push_back(
            {.collection = "c",
             .content = {.id = id, .body = std::string(mongo::bulk_bytes_max / 2, 'x')}});
    }
    for (const auto& result : writes_.put_bulk(requests)) EXPECT_TRUE(result);
    EXPECT_EQ(driver_.bulk_sizes, (std::vector<std::size_t>{2, 1}));
}

TEST_F(document_writes, decides_each_write_of_a_bulk) {
    driver_.write_outside("old", 3);
    driver_.write_outside("stale", 3);
    driver_.unique["taken"] = "old";
    const std::vector<ports::put_request> requests{
        {.collection = "c", .content = {.id = "stale"}, .expected = 2},
        {.collection = "c", .content = {.id = "new"}},
        {.collection = "c", .content = {.id = "old"}, .expected = 3},
        {.collection = "c", .content = {.id = "old2", .unique = {{"name", "taken"}}}},
        {.collection = "c", .content = {.id = ""}},
    };
    const auto results = writes_.put_bulk(requests);
    EXPECT_EQ(results[0].error().code, errc::precondition);
    EXPECT_EQ(results[1].value(), 1);
    EXPECT_EQ(results[2].value(), 4);
    EXPECT_EQ(results[3].error().cause, ports::store_cause::not_unique);
    EXPECT_EQ(results[4].error().code, errc::limit);
}

TEST_F(document_writes, finds_the_writes_of_a_bulk_whose_response_was_lost) {
    const std::vector<ports::put_request> requests{{.collection = "c", .content = {.id = "a"}},
                                                   {.collection = "c", .content = {.id = "b"}}};
    driver_.steps = {{.kind = error_kind::connection_lost,
                      .is_applied = true,
                      .act = [](auto& driver) { driver.documents.erase("b"); }}};
    const auto results = writes_.put_bulk(requests);
    EXPECT_EQ(results[0].value(), 1);
    EXPECT_EQ(results[1].error().code, errc::unavailable);
    driver_.steps = {{.kind = error_kind::connection_lost}, {.kind = error_kind::expired}};
    for (const auto& result : writes_.put_bulk(requests)) {
        EXPECT_EQ(result.error().code, errc::unavailable) << "the read failed, too";
    }
}

}  // namespace
