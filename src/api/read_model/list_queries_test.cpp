#include "api/read_model/list_queries.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace {

using domain::status_phase;

constexpr const char* engines[] = {"postgres", "redis", "mysql"};
constexpr const char* projects[] = {"default", "shop", "bank"};
constexpr status_phase phases[] = {status_phase::running, status_phase::failed,
                                   status_phase::paused};

struct all_pages {
    std::vector<std::string> ids;
    std::size_t total = 0;
};

// Follows the cursors to the end.
all_pages follow(auto wanted, const auto& ask) {
    all_pages result;
    for (int pages = 0; pages < 1000; ++pages) {
        const auto text = ask(wanted);
        EXPECT_TRUE(text);
        const auto document = json::parse(*text);
        result.total = static_cast<std::size_t>(document.at("total").as_int64());
        for (const auto& item : document.at("items").as_array()) {
            result.ids.emplace_back(item.at("id").as_string());
        }
        const auto& next = document.at("next_cursor");
        if (!next.is_string()) break;
        wanted.cursor = std::string(next.as_string());
    }
    return result;
}

// A read model whose databases are created, changed and deleted, next to a map with the same
// content.
class crowd {
  public:
    void step() {
        const auto id = "db-" + std::to_string(random_() % 400);
        const auto entry = now_.find(id);
        if (entry != now_.end() && random_() % 4 == 0) {
            model.on_database_deleted(entry->second);
            now_.erase(entry);
            return;
        }
        auto next = std::make_shared<domain::database>();
        if (entry != now_.end()) {
            *next = *entry->second->record;
        } else {
            next->id = id;
            next->name = random_name() + "x" + id.substr(3);
            next->project = projects[random_() % 3];
            next->engine = engines[random_() % 3];
            next->created_at = domain::instant(std::chrono::microseconds(random_() % 1'000'000));
            if (random_() % 2 == 0) next->labels["team"] = random_() % 2 == 0 ? "a" : "b";
        }
        next->updated_at = domain::instant(std::chrono::microseconds(random_() % 1'000'000));
        auto view = std::make_shared<app::database_view>();
        view->record = next;
        view->status.phase = phases[random_() % 3];
        view->version = ++version_;
        now_[id] = view;
        model.on_database(view, {.record = true});
    }

    // Names of other characters than the API accepts: of objects and records from elsewhere.
    std::string random_name() {
        constexpr const char* parts[] = {"n", "N", "-", "7", "aa", "é", "É", "日本", "\x7f", " "};
        std::string name;
        for (auto count = random_() % 6; count > 0; --count) name += parts[random_() % 10];
        return name;
    }

    // Returns the ids that a list must contain, found by comparing every database.
    [[nodiscard]] std::vector<std::string> expected(const api::list_query& wanted) const {
        std::vector<const app::database_view*> all;
        for (const auto& [id, view] : now_) {
            const auto& record = *view->record;
            const auto phase = std::string(domain::name(view->status.phase));
            const auto has_label = [&](const auto& label) {
                const auto entry = record.labels.find(label.first);
                return entry != record.labels.end() && entry->second == label.second;
            };
            if ((wanted.project.empty() || wanted.project == record.project) &&
                (wanted.engine.empty() || wanted.engine == record.engine) &&
                (wanted.statuses.empty() || std::ranges::count(wanted.statuses, phase) > 0) &&
                (wanted.name.empty() || wanted.name == record.name) &&
                record.name.find(wanted.search) != std::string::npos &&
                std::ranges::all_of(wanted.labels, has_label)) {
                all.push_back(view.get());
            }
        }
        std::ranges::sort(all, [&](const auto* a, const auto* b) {
            const auto& x = *(wanted.descending ? b : a)->record;
            const auto& y = *(wanted.descending ? a : b)->record;
            if (wanted.sort == "created_at") {
                return std::tie(x.created_at, x.id) < std::tie(y.created_at, y.id);
            }
            if (wanted.sort == "updated_at") {
                return std::tie(x.updated_at, x.id) < std::tie(y.updated_at, y.id);
            }
            return std::tie(x.name, x.project) < std::tie(y.name, y.project);
        });
        std::vector<std::string> ids;
        ids.reserve(all.size());
        for (const auto* each : all) ids.push_back(each->record->id);
        return ids;
    }

    // Page by page, to the end.
    [[nodiscard]] all_pages listed(
        api::list_query wanted,
        const domain::visible_projects& visible = domain::visible_projects::all()) const {
        return follow(std::move(wanted), [&](const api::list_query& page) {
            const auto result = api::list_databases(model, page, visible);
            return result ? std::optional(result->text) : std::nullopt;
        });
    }

    api::list_query random_query() {
        api::list_query wanted{.limit = 1 + random_() % 60};
        if (random_() % 3 == 0) wanted.project = projects[random_() % 3];
        if (random_() % 3 == 0) wanted.engine = engines[random_() % 3];
        if (random_() % 3 == 0) wanted.statuses = {"failed", "paused"};
        if (random_() % 3 == 0) wanted.labels = {{"team", "a"}};
        if (random_() % 2 == 0) wanted.search = part_of_a_name();
        if (random_() % 6 == 0) wanted.name = now_.begin()->second->record->name;
        constexpr const char* orders[] = {"name", "created_at", "updated_at"};
        wanted.sort = orders[random_() % 3];
        wanted.descending = random_() % 2 == 0;
        return wanted;
    }

    // Often a part of a present name, else one that few names or none have.
    std::string part_of_a_name() {
        if (random_() % 4 == 0) return random_name() + std::string(random_() % 2, '\0');
        const auto entry = std::next(now_.begin(), static_cast<long>(random_() % now_.size()));
        const auto& name = entry->second->record->name;
        return name.substr(random_() % name.size(), 1 + random_() % 4);
    }

    api::read_model model;

  private:
    std::mt19937 random_{11};
    std::map<std::string, std::shared_ptr<const app::database_view>> now_;
    std::uint64_t version_ = 0;
};

TEST(list_databases, matches_a_comparison_of_every_database) {
    crowd all;
    for (int round = 0; round < 60; ++round) {
        const bool is_bulk = round % 2 == 1;
        if (is_bulk) all.model.begin_bulk();
        for (int step = 0; step < 50; ++step) all.step();
        if (is_bulk) all.model.end_bulk();
        for (int query = 0; query < 5; ++query) {
            const auto wanted = all.random_query();
            const auto expected = all.expected(wanted);
            const auto result = all.listed(wanted);
            ASSERT_EQ(result.ids, expected) << round;
            ASSERT_EQ(result.total, expected.size()) << round;
        }
    }
}

std::string database_id(std::size_t number) {
    return "db-" + std::to_string(number);
}

// An administrator's API key that is limited to databases.
domain::visible_projects limited_to(std::set<std::string, std::less<>> ids) {
    return domain::visible_projects(std::make_shared<const domain::principal>(domain::principal{
        .subject = "key", .is_administrator = true, .limits = {.databases = std::move(ids)}}));
}

TEST(list_databases, of_a_limited_key_are_those_of_a_comparison) {
    crowd all;
    std::mt19937 random(5);
    for (int round = 0; round < 40; ++round) {
        for (int step = 0; step < 50; ++step) all.step();
        std::set<std::string, std::less<>> ids;  // with ids that do not exist
        for (auto count = random() % 200; count > 0; --count) {
            ids.insert(database_id(random() % 410));
        }
        for (int query = 0; query < 5; ++query) {
            const auto wanted = all.random_query();
            auto expected = all.expected(wanted);
            std::erase_if(expected, [&](const auto& id) { return !ids.contains(id); });
            const auto result = all.listed(wanted, limited_to(ids));
            ASSERT_EQ(result.ids, expected) << round;
            ASSERT_EQ(result.total, expected.size()) << round;
        }
    }
}

TEST(list_databases, of_a_limited_key_compare_its_databases_only) {
    crowd all;
    for (int step = 0; step < 2000; ++step) all.step();
    const auto everything = all.expected({});
    ASSERT_GT(everything.size(), 100U);
    const std::set<std::string, std::less<>> ids(everything.end() - 3, everything.end());
    for (const auto* sort : {"name", "created_at", "updated_at"}) {
        for (const auto& query :
             {api::list_query{.sort = sort}, api::list_query{.search = "x", .sort = sort}}) {
            const auto page = api::list_databases(all.model, query, limited_to(ids));
            ASSERT_TRUE(page);
            // Once for the total, and once for the page.
            EXPECT_EQ(page->compared, 2 * ids.size());
        }
    }
}

TEST(list_databases, of_a_limited_key_have_the_hash_and_the_cursor_of_the_same_items) {
    crowd all;
    for (int step = 0; step < 2000; ++step) all.step();
    const api::list_query query{
        .project = "shop", .sort = "created_at", .descending = true, .limit = 2};
    const auto ids = all.expected(query);
    ASSERT_GT(ids.size(), 4U);
    const auto limited =
        api::list_databases(all.model, query, limited_to({ids.begin(), ids.end()}));
    const auto plain = api::list_databases(all.model, query, domain::visible_projects::all());
    ASSERT_TRUE(limited && plain);
    EXPECT_EQ(limited->text, plain->text);
    EXPECT_EQ(limited->hash, plain->hash);
}

TEST(list_databases, of_a_limited_key_lack_a_database_whose_name_another_one_has) {
    api::read_model model;
    const auto put = [&](const std::string& id) {
        auto record = std::make_shared<domain::database>();
        record->id = id;
        record->name = "orders";
        record->project = "shop";
        auto view = std::make_shared<app::database_view>();
        view->record = std::move(record);
        model.on_database(view, {.record = true});
        return view;
    };
    const auto first = put("db-1");
    const auto before = model.all();  // a version with db-1
    model.on_database_deleted(first);
    put("db-2");
    EXPECT_TRUE(model.rows_of(*model.all(), {"db-1"}).empty());
    EXPECT_TRUE(model.rows_of(*before, {"db-2"}).empty());
    EXPECT_EQ(model.rows_of(*model.all(), {"db-1", "db-2"}).size(), 1U);
}

domain::operation operation(int number, const std::string& database) {
    return {.id = "op-" + std::to_string(number),
            .database_id = database,
            .phase = number % 3 == 0 ? domain::operation_phase::failed
                                     : domain::operation_phase::succeeded,
            .created_at = domain::instant(std::chrono::microseconds(1000 + number / 2))};
}

class list_operations : public testing::Test {
  protected:
    list_operations() {
        for (int number = 0; number < 100; ++number) {
            model_.on_operation(std::make_shared<const domain::operation>(
                operation(number, "db-" + std::to_string(number % 4))));
        }
        model_.on_operation_forgotten("op-99");
        model_.on_operation_forgotten("op-never-there");
    }
    [[nodiscard]] all_pages listed(
        api::operation_query wanted,
        const domain::visible_projects& visible = domain::visible_projects::all()) const {
        return follow(std::move(wanted), [&](const api::operation_query& page) {
            return api::list_operations(*model_.all(), page, visible);
        });
    }
    api::read_model model_;
};

TEST_F(list_operations, are_paged_newest_first) {
    const auto [all, total] = listed({.limit = 7});
    EXPECT_EQ(all.size(), 99U);
    EXPECT_EQ(total, 99U);
    EXPECT_EQ(all.front(), "op-98");
    // Operations of the same instant are in descending order of their ids.
    EXPECT_EQ(all[1], "op-97");
    EXPECT_EQ(all.back(), "op-0");
}

TEST_F(list_operations, filter_by_database_and_phase) {
    const auto of_one = listed({.database_id = "db-3", .limit = 5});
    EXPECT_EQ(of_one.ids.size(), 24U);
    EXPECT_EQ(of_one.total, 24U);
    const auto failed = listed({.database_id = "db-1", .phase = "failed", .limit = 3});
    EXPECT_EQ(failed.ids.size(), 8U);
    EXPECT_EQ(failed.total, 8U);
    EXPECT_TRUE(listed({.database_id = "db-9"}).ids.empty());
}

TEST_F(list_operations, of_a_limited_key_are_those_of_its_databases) {
    const auto [ids, total] = listed({.limit = 7}, limited_to({"db-1", "db-3", "db-9"}));
    EXPECT_EQ(ids.size(), 49U);
    EXPECT_EQ(total, 49U);
    EXPECT_EQ(ids.front(), "op-97");
    EXPECT_EQ(ids[1], "op-95");
    EXPECT_EQ(ids.back(), "op-1");
    const auto failed = listed({.phase = "failed", .limit = 3}, limited_to({"db-1"}));
    EXPECT_EQ(failed.ids, listed({.database_id = "db-1", .phase = "failed"}).ids);
    EXPECT_TRUE(listed({.database_id = "db-2"}, limited_to({"db-1"})).ids.empty());
}

TEST_F(list_operations, reject_invalid_parameters) {
    const auto read = api::read_operation_query("limit=500&phase=failed&cursor=x");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->limit, 500U);
    EXPECT_EQ(read->phase, "failed");
    EXPECT_EQ(read->cursor, "x");
    for (const auto* bad : {"limit=0", "limit=501", "limit=5x", "phase=odd", "name=x", "a=%zz"}) {
        EXPECT_EQ(api::read_operation_query(bad).error().reason, "bad_request") << bad;
    }
}

TEST_F(list_operations, reject_a_cursor_of_another_query) {
    for (const auto* bad : {"zz", "00", "6161", "1f"}) {
        const auto text =
            api::list_operations(*model_.all(), {.cursor = bad}, domain::visible_projects::all());
        ASSERT_FALSE(text) << bad;
        EXPECT_EQ(text.error().reason, "bad_request");
    }
}

}  // namespace
