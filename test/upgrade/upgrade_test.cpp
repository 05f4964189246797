#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "aio/block_on.hpp"
#include "app/record_json.hpp"
#include "domain/engines.hpp"
#include "sqlite/store.hpp"

namespace {

constexpr std::int64_t gibi = std::int64_t(1) << 30;

// Opens a copy of the stored file, in a separate folder for each test.
class format_1 : public testing::Test {
  public:
    format_1()
        : folder_(std::filesystem::temp_directory_path() /
                  ("dbaas-upgrade-" +
                   std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        std::filesystem::copy_file(UPGRADE_TESTDATA "/format_1.db", folder_ / "platform.db");
        auto store = sqlite::open_store({.path = (folder_ / "platform.db").string()},
                                        obs::null_log(), registry_);
        if (store) store_ = std::move(*store);
    }
    ~format_1() override {
        if (store_) EXPECT_TRUE(aio::block_on(store_->close()));
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

  protected:
    void SetUp() override { ASSERT_NE(store_, nullptr); }

    template <class Record>
    std::vector<Record> all(const std::string& collection,
                            base::outcome<Record> (*decode)(std::string_view)) {
        std::vector<Record> records;
        auto page = aio::block_on(store_->find({.collection = collection}));
        EXPECT_TRUE(page);
        if (!page) return records;
        for (const auto& document : page->items) {
            auto record = decode(document.body);
            EXPECT_TRUE(record) << document.id << ": " << record.error().text;
            if (record) records.push_back(std::move(*record));
        }
        return records;
    }
    std::map<std::string, domain::database> databases() {
        std::map<std::string, domain::database> by_name;
        for (auto& record : all("databases", &app::decode_database)) {
            by_name.emplace(record.name, std::move(record));
        }
        return by_name;
    }

    std::filesystem::path folder_;
    obs::registry registry_;
    std::unique_ptr<ports::document_store> store_;
};

domain::node_group data_group(int replicas, std::int64_t storage_bytes) {
    return {.replicas = replicas,
            .size = {.cpu_millis = 500, .memory_bytes = gibi},
            .storage = {.bytes = storage_bytes}};
}

TEST_F(format_1, databases_without_helpers_get_one_group) {
    auto records = databases();
    ASSERT_EQ(records.size(), 7U);
    EXPECT_EQ(records["orders"].topology,
              (domain::topology{.mode = domain::topology_mode::replicated,
                                .groups = {{.replicas = 3,
                                            .size = {.cpu_millis = 1000, .memory_bytes = 2 * gibi},
                                            .storage = {.bytes = 30 * gibi}}}}));
    EXPECT_EQ(records["archive"].topology,
              (domain::topology{.groups = {data_group(1, 10 * gibi)}}));
    EXPECT_EQ(records["sessions"].topology, (domain::topology{.groups = {data_group(1, 0)}}));
    EXPECT_EQ(records["shards"].topology, (domain::topology{.mode = domain::topology_mode::cluster,
                                                            .shards = 3,
                                                            .groups = {data_group(2, 2 * gibi)}}));
}

// The platform created these groups with its default values and did not store them.
TEST_F(format_1, databases_with_helpers_get_the_groups_they_were_created_with) {
    auto records = databases();
    auto data = data_group(2, gibi);
    data.size = {.cpu_millis = 750, .memory_bytes = 1536 * gibi / 1024};
    data.storage.storage_class = "fast";
    const domain::node_group sentinels{.role = "sentinel",
                                       .replicas = 3,
                                       .size = {.cpu_millis = 500, .memory_bytes = gibi},
                                       .storage = {.bytes = gibi, .storage_class = "fast"}};
    EXPECT_EQ(
        records["cache"].topology,
        (domain::topology{.mode = domain::topology_mode::replicated, .groups = {data, sentinels}}));
    const domain::size helper{.cpu_millis = 800, .memory_bytes = 1536 * gibi / 1024};
    domain::topology sharded{
        .mode = domain::topology_mode::cluster,
        .shards = 2,
        .groups = {data_group(2, 5 * gibi),
                   {.role = "config", .replicas = 3, .size = helper, .storage = {2 * gibi, "", {}}},
                   {.role = "router", .replicas = 2, .size = helper, .storage = {}}}};
    EXPECT_EQ(records["events"].topology, sharded);
    sharded.shards = 1;
    sharded.groups[0].storage.type = domain::storage_type::ephemeral;
    sharded.groups[1].storage.type = domain::storage_type::ephemeral;
    EXPECT_EQ(records["scratch"].topology, sharded);
}

TEST_F(format_1, databases_keep_their_other_fields) {
    auto records = databases();
    const auto& orders = records["orders"];
    EXPECT_EQ(orders.id, "db-dxdh4yazpds4");
    EXPECT_EQ(orders.project, "shop");
    EXPECT_EQ(orders.engine, "postgres");
    EXPECT_EQ(orders.object_uid, "c8cf9ccc-d4b3-4990-b1c2-a9488bec1944");
    EXPECT_EQ(orders.labels, (domain::labels{{"team", "web"}, {"tier", "gold"}}));
    EXPECT_TRUE(orders.deletion_protection);
    EXPECT_TRUE(orders.was_ready);
    EXPECT_TRUE(orders.monitoring);
    ASSERT_EQ(orders.operations.size(), 2U);
    EXPECT_EQ(orders.operations[1].kind, domain::operation_kind::update);
    EXPECT_EQ(orders.operations[1].phase, domain::operation_phase::succeeded);
    EXPECT_FALSE(records["shards"].monitoring);
    EXPECT_TRUE(records["archive"].paused);
}

TEST_F(format_1, steps_have_their_present_names) {
    auto records = databases();
    const auto& operations = records["archive"].operations;
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_EQ(operations[1].kind, domain::operation_kind::pause);
    EXPECT_EQ(operations[1].progress, 100);
    ASSERT_EQ(operations[1].steps.size(), 1U);
    EXPECT_EQ(operations[1].steps[0].name, "apply_pause");
}

TEST_F(format_1, projects_and_archived_operations_are_read) {
    const auto projects = all("projects", &app::decode_project);
    ASSERT_EQ(projects.size(), 2U);
    EXPECT_EQ(projects[0].name, "default");
    EXPECT_EQ(projects[1].display_name, "Shop");
    EXPECT_EQ(projects[1].max_databases, 20);
    EXPECT_EQ(projects[1].max_cpu_millis, 64'000);
    EXPECT_EQ(projects[1].max_memory_bytes, 200 * gibi);
    EXPECT_EQ(projects[1].max_storage_bytes, 2048 * gibi);
    const auto operations = all("operations", &app::decode_operation);
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_TRUE(std::ranges::all_of(operations, [](const auto& operation) {
        return operation.phase == domain::operation_phase::succeeded &&
               operation.database_id == "db-24ljvlux2ejl" && operation.finished_at.has_value();
    }));
}

TEST_F(format_1, a_record_that_is_read_is_written_in_the_present_format) {
    for (const auto& record : all("databases", &app::decode_database)) {
        const auto text = app::encode(record);
        EXPECT_NE(text.find(R"("v":2)"), std::string::npos) << record.name;
        EXPECT_EQ(app::decode_database(text), record) << record.name;
    }
}

}  // namespace
