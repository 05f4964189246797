#include "domain/validate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "domain/engines.hpp"
#include "domain/field_errors.hpp"
#include "domain/operation_lifecycle.hpp"
#include "domain/validate_schedule.hpp"

namespace domain {
namespace {

constexpr std::int64_t gibi = std::int64_t(1) << 30;

const engine_offer offer{
    .installed = true, .versions = {"17.9", "16.13"}, .deprecated_versions = {"11.22"}};

create_request good(std::string engine = "postgres") {
    create_request wanted;
    wanted.project = "shop";
    wanted.name = "orders";
    wanted.engine = std::move(engine);
    return wanted;
}

std::vector<std::string> error_names(const base::failure& failure) {
    std::vector<std::string> result;
    result.reserve(failure.fields.size());
    for (const auto& error : failure.fields) result.push_back(error.pointer + " " + error.code);
    std::ranges::sort(result);
    return result;
}

std::vector<std::string> errors_of(const create_request& wanted,
                                   const engine_offer& offered = offer) {
    const auto result = validate_create(wanted, offered);
    return result ? std::vector<std::string>{} : error_names(result.error());
}

database present(std::string engine = "postgres") {
    auto record = validate_create(good(std::move(engine)), offer).value();
    record.id = "db-a";
    record.object_uid = "uid-1";
    return record;
}

using strings = std::vector<std::string>;

TEST(validate_create, fills_in_defaults) {
    const auto record = validate_create(good(), offer);
    ASSERT_TRUE(record) << record.error().text;
    EXPECT_EQ(record->version, "17.9");
    EXPECT_EQ(record->topology.mode, topology_mode::standalone);
    EXPECT_EQ(record->topology.data().size, find_preset("small")->size);
    EXPECT_EQ(record->topology.data().storage.bytes, 10 * gibi);
    EXPECT_TRUE(record->monitoring);
    EXPECT_FALSE(record->deletion_protection);
}

TEST(validate_create, names_all_faults_at_once) {
    auto wanted = good();
    wanted.project.reset();
    wanted.name = "Orders";
    wanted.version = "9.6";
    wanted.topology = topology_request{.mode = "replicated", .replicas = 99, .shards = 2};
    wanted.size = size_request{.cpu = "1x", .memory = "1"};
    wanted.storage = storage_request{.size = "1", .storage_class = "Fast!", .type = "floppy"};
    wanted.labels = labels{{"kubedb.com/x", "a"}, {"-bad", "a"}, {"ok", "bad value"}};
    EXPECT_EQ(errors_of(wanted),
              (strings{"/labels/-bad bad_label_key", "/labels/kubedb.com~1x reserved_label",
                       "/labels/ok bad_label_value", "/name bad_name", "/project required",
                       "/size/cpu bad_quantity", "/size/memory out_of_range",
                       "/storage/class bad_name", "/storage/size out_of_range",
                       "/storage/type unknown_value", "/topology/replicas out_of_range",
                       "/topology/shards out_of_range", "/version version_not_found"}));
}

TEST(validate_create, distinguishes_unknown_engines_from_engines_that_are_not_installed) {
    EXPECT_EQ(errors_of(good("oracle9i")), (strings{"/engine unknown_engine"}));
    EXPECT_EQ(errors_of(good(), engine_offer{}), (strings{"/engine engine_not_installed"}));
    auto nothing = good();
    nothing.engine.reset();
    EXPECT_EQ(errors_of(nothing), (strings{"/engine required"}));
}

TEST(validate_create, rejects_deprecated_versions_and_empty_catalogues) {
    auto wanted = good();
    wanted.version = "11.22";
    EXPECT_EQ(errors_of(wanted), (strings{"/version version_deprecated"}));
    EXPECT_EQ(errors_of(good(), engine_offer{.installed = true}),
              (strings{"/version version_not_found"}));
}

TEST(validate_create, wants_a_preset_or_both_quantities) {
    auto wanted = good();
    wanted.size = size_request{.cpu = "1"};
    EXPECT_EQ(errors_of(wanted), (strings{"/size/memory required"}));
    wanted.size = size_request{.preset = "small", .cpu = "1"};
    EXPECT_EQ(errors_of(wanted), (strings{"/size ambiguous"}));
    wanted.size = size_request{.preset = "gigantic"};
    EXPECT_EQ(errors_of(wanted), (strings{"/size/preset unknown_preset"}));
    wanted.size = size_request{.cpu = "1500m", .memory = "3Gi"};
    const auto record = validate_create(wanted, offer);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->topology.data().size, (size{.cpu_millis = 1500, .memory_bytes = 3 * gibi}));
}

struct shape_row {
    const char* engine;
    topology_request wanted;
    bool allowed;
};

TEST(validate_create, knows_the_topologies_of_each_engine) {
    const std::vector<shape_row> rows{
        {"postgres", {.mode = "replicated", .replicas = 2}, true},
        {"postgres", {.mode = "replicated", .replicas = 1}, false},
        {"postgres", {.mode = "cluster"}, false},
        {"mysql", {.mode = "replicated", .replicas = 3}, true},
        {"mysql", {.mode = "replicated", .replicas = 2}, false},
        {"mariadb", {.mode = "replicated", .replicas = 4}, false},
        {"mariadb", {.mode = "replicated", .replicas = 5}, true},
        {"redis", {.mode = "cluster", .replicas = 2, .shards = 3}, true},
        {"redis", {.mode = "cluster", .replicas = 1, .shards = 3}, false},
        {"redis", {.mode = "cluster", .replicas = 2, .shards = 2}, false},
        {"mongodb", {.mode = "cluster", .replicas = 3, .shards = 2}, true},
        {"memcached", {.mode = "replicated", .replicas = 4}, true},
        {"postgres", {.replicas = 2}, false},
        {"postgres", {.mode = "replicated", .replicas = std::int64_t(1) << 40}, false},
    };
    for (const auto& row : rows) {
        auto wanted = good(row.engine);
        wanted.topology = row.wanted;
        EXPECT_EQ(validate_create(wanted, offer).has_value(), row.allowed)
            << row.engine << ' ' << row.wanted.mode.value_or("-") << ' '
            << row.wanted.replicas.value_or(-1);
    }
}

TEST(validate_create, gives_memcached_no_volume) {
    auto wanted = good("memcached");
    EXPECT_EQ(validate_create(wanted, offer)->topology.data().storage.bytes, 0);
    wanted.storage = storage_request{.size = "1Gi"};
    EXPECT_EQ(errors_of(wanted), (strings{"/storage unsupported"}));
}

TEST(validate_create, limits_the_number_of_labels) {
    auto wanted = good();
    wanted.labels.emplace();
    for (int i = 0; i < 33; ++i) (*wanted.labels)["k" + std::to_string(i)] = "v";
    EXPECT_EQ(errors_of(wanted), (strings{"/labels too_many"}));
}

TEST(validate_create, points_at_what_is_in_the_request) {
    const auto key = std::string(100, 'a') + "\xC3\xA9";
    auto wanted = good();
    wanted.version = std::string(39, '9') + "\xC3\xA9";
    wanted.labels = labels{{key, "v"}, {std::string(318, 'b'), "v"}};
    EXPECT_EQ(errors_of(wanted),
              (strings{"/labels bad_label_key", "/labels/" + key + " bad_label_key",
                       "/version version_not_found"}));
    const auto refused = validate_create(wanted, offer);
    for (const auto& fault : refused.error().fields) {
        for (std::string_view left = fault.message; !left.empty();) {
            const auto length = base::utf8_length(left);
            ASSERT_GT(length, 0U) << fault.message;
            left.remove_prefix(length);
        }
    }
}

TEST(validate_patch, reports_a_bounded_number_of_errors) {
    patch_request wanted;
    for (int i = 0; i < 200; ++i) {
        add_field_error(wanted.unread, {"/x" + std::to_string(i), "unknown_field", ""});
    }
    wanted.size = size_request{.preset = "gigantic"};
    const auto refused = validate_patch(present(), wanted);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "more than 100 fields are not valid");
    ASSERT_EQ(refused.error().fields.size(), field_errors_max + 1);
    EXPECT_EQ(refused.error().fields.back().code, "too_many_errors");
}

TEST(validate_patch, counts_labels_before_it_looks_at_them) {
    patch_request wanted{.labels = label_changes{}};
    for (int i = 0; i < 65; ++i) (*wanted.labels)["-bad" + std::to_string(i)] = "v";
    EXPECT_EQ(error_names(validate_patch(present(), wanted).error()),
              (strings{"/labels too_many"}));
}

TEST(validate_patch, keeps_what_the_patch_does_not_name) {
    const auto before = present();
    EXPECT_EQ(validate_patch(before, {}).value(), before);
}

TEST(validate_patch, scales_within_the_rules) {
    patch_request wanted;
    wanted.size = size_request{.memory = "2Gi"};
    wanted.storage = storage_request{.size = "20Gi"};
    wanted.topology = topology_request{.mode = "replicated", .replicas = 3};
    const auto after = validate_patch(present(), wanted);
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(after->topology.data().size, (size{.cpu_millis = 500, .memory_bytes = 2 * gibi}));
    EXPECT_EQ(after->topology.data().storage.bytes, 20 * gibi);
    EXPECT_EQ(after->topology.data().replicas, 3);
}

TEST(validate_patch, names_immutable_fields) {
    patch_request wanted;
    wanted.immutable = {{"engine", "mysql"}};
    wanted.storage = storage_request{.size = "1Gi", .storage_class = "fast", .type = "ephemeral"};
    const auto after = validate_patch(present(), wanted);
    ASSERT_FALSE(after);
    EXPECT_EQ(error_names(after.error()),
              (strings{"/engine immutable", "/storage/class immutable",
                       "/storage/size cannot_shrink", "/storage/type immutable"}));
}

TEST(validate_patch, takes_back_what_was_read) {
    auto before = present();
    before.revision = 7;
    patch_request wanted;
    wanted.immutable = {{"id", "db-a"},
                        {"project", "shop"},
                        {"name", "orders"},
                        {"engine", "postgres"},
                        {"version", "17.9"},
                        {"monitoring", "true"},
                        {"deleted", "false"},
                        {"revision", "7"},
                        {"created_at", "1970-01-01T00:00:00Z"},
                        {"updated_at", "1970-01-01T00:00:00Z"},
                        {"status", "{}"}};
    wanted.topology = topology_request{.mode = "standalone", .replicas = 1, .shards = 1};
    wanted.size = size_request{.preset = "small", .cpu = "500m", .memory = "1Gi"};
    wanted.storage = storage_request{.size = "10Gi", .storage_class = "", .type = "durable"};
    const auto after = validate_patch(before, wanted);
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(*after, before);
    wanted.immutable = {{"revision", "6"}, {"monitoring", "false"}};
    EXPECT_EQ(error_names(validate_patch(before, wanted).error()),
              (strings{"/monitoring immutable", "/revision immutable"}));
    const auto cache = present("memcached");
    wanted = {.storage = storage_request{.size = "0", .storage_class = "", .type = "durable"}};
    EXPECT_EQ(validate_patch(cache, wanted), cache);
}

TEST(validate_patch, does_not_change_the_mode_of_redis) {
    patch_request wanted;
    wanted.topology = topology_request{.mode = "cluster"};
    const auto after = validate_patch(present("redis"), wanted);
    ASSERT_FALSE(after);
    EXPECT_EQ(error_names(after.error()), (strings{"/topology/mode immutable"}));
}

TEST(validate_patch, adds_and_removes_labels) {
    auto before = present();
    before.labels = {{"team", "a"}, {"tier", "1"}};
    patch_request wanted;
    wanted.labels = {{"team", std::nullopt}, {"env", "prod"}};
    EXPECT_EQ(validate_patch(before, wanted)->labels, (labels{{"env", "prod"}, {"tier", "1"}}));
}

TEST(validate_patch, rejects_scaling_of_a_paused_database) {
    auto before = present();
    before.paused = true;
    patch_request wanted;
    wanted.size = size_request{.preset = "large"};
    const auto after = validate_patch(before, wanted);
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().code, base::errc::conflict);
    EXPECT_EQ(after.error().reason, "paused");
}

TEST(validate_patch, a_pause_does_not_drop_an_accepted_change) {
    auto before = present();
    begin_operation(before, {.id = "op-2", .kind = operation_kind::update}, {});
    EXPECT_EQ(validate_patch(before, {.paused = true}).error().reason, "change_in_progress");
    EXPECT_TRUE(validate_patch(before, {.deletion_protection = true}));
    finish(before.operations.back(), operation_phase::succeeded, {});
    EXPECT_TRUE(validate_patch(before, {.paused = true}));
}

TEST(validate_patch, accepts_labels_but_no_scaling_of_a_database_that_was_not_created) {
    auto before = present();
    before.object_uid.clear();
    const patch_request grown{.size = size_request{.preset = "large"}};
    EXPECT_EQ(validate_patch(before, grown).error().reason, "not_created");
    EXPECT_EQ(validate_patch(before, {.paused = true}).error().reason, "not_created");
    EXPECT_TRUE(validate_patch(before, {.labels = label_changes{{"team", "a"}}}));
    begin_operation(before, {.id = "op-2", .kind = operation_kind::create}, {});
    EXPECT_TRUE(validate_patch(before, grown)) << "its creation is still under way";
}

// KubeDB's admission rejects a halt without volumes (`Halt` with `Ephemeral`), and there is no
// claim to expand.
TEST(validate_patch, ephemeral_storage_neither_grows_nor_outlives_a_pause) {
    auto before = present();
    before.topology.data().storage.type = storage_type::ephemeral;
    patch_request wanted;
    wanted.paused = true;
    wanted.storage = storage_request{.size = "20Gi"};
    const auto after = validate_patch(before, wanted);
    ASSERT_FALSE(after);
    EXPECT_EQ(error_names(after.error()),
              (strings{"/paused unsupported", "/storage/size unsupported"}));
    wanted = {.paused = false};
    EXPECT_TRUE(validate_patch(before, wanted));
    before.paused = true;  // stored by a release that accepted it
    EXPECT_FALSE(validate_patch(before, wanted)->paused);
}

TEST(validate_patch, rejects_a_patch_of_a_database_that_is_being_deleted) {
    auto before = present();
    before.deleted = true;
    EXPECT_EQ(validate_patch(before, {}).error().reason, "being_deleted");
}

schedule_request nights() {
    return {.utc_offset = "+01:00",
            .off = std::vector<off_window_request>{
                {.days = strings{"mon", "sun"}, .begin = "20:00", .end = "06:00"}}};
}

TEST(validate_create, reads_a_schedule) {
    auto wanted = good();
    wanted.schedule.emplace(nights());
    const auto record = validate_create(wanted, offer);
    ASSERT_TRUE(record) << record.error().text;
    EXPECT_EQ(record->schedule,
              (schedule{.utc_offset_minutes = 60,
                        .off = {{.days = 0b1000001, .begin = 20 * 60, .end = 6 * 60}}}));
    wanted.schedule->value().utc_offset.reset();
    EXPECT_EQ(validate_create(wanted, offer)->schedule->utc_offset_minutes, 0);
    wanted.schedule.emplace(std::nullopt);
    EXPECT_FALSE(validate_create(wanted, offer)->schedule);
}

TEST(validate_create, reports_every_error_of_a_schedule) {
    auto wanted = good();
    auto& plan = wanted.schedule.emplace(nights()).value();
    plan.utc_offset = "+15:00";
    plan.off->push_back({.days = strings{"mon", "Tue", "mon"}, .begin = "24:00"});
    plan.off->push_back({.days = strings{}, .begin = "01:00", .end = "1:30"});
    EXPECT_EQ(errors_of(wanted),
              (strings{"/schedule/off/1/days/1 unknown_day", "/schedule/off/1/days/2 repeated",
                       "/schedule/off/1/from bad_time", "/schedule/off/1/to required",
                       "/schedule/off/2/days required", "/schedule/off/2/to bad_time",
                       "/schedule/utc_offset bad_offset"}));
    plan = {};
    EXPECT_EQ(errors_of(wanted), (strings{"/schedule/off no_windows"}));
    plan.off.emplace();
    EXPECT_EQ(errors_of(wanted), (strings{"/schedule/off no_windows"}));
    plan.off->assign(15, nights().off->front());
    EXPECT_EQ(errors_of(wanted), (strings{"/schedule/off too_many"}));
    plan.off->resize(14);
    EXPECT_EQ(errors_of(wanted), strings{});
}

TEST(validate_create, rejects_a_schedule_without_an_hour_to_run) {
    auto wanted = good();
    wanted.schedule.emplace(nights());
    wanted.schedule->value().off->front() = {
        .days = strings(day_names.begin(), day_names.end()), .begin = "08:00", .end = "08:00"};
    EXPECT_EQ(errors_of(wanted), (strings{"/schedule/off always_off"}));
}

TEST(validate_create, rejects_a_schedule_of_a_database_that_cannot_be_paused) {
    auto wanted = good("redis");
    wanted.storage = storage_request{.type = "ephemeral"};
    wanted.schedule.emplace(nights());
    EXPECT_EQ(errors_of(wanted), (strings{"/schedule unsupported"}));
    field_errors errors({});
    auto rules = *find_engine("redis");
    rules.can_pause = false;
    check_schedule_support(rules, {}, errors);
    EXPECT_EQ(error_names(std::move(errors).fail().error()), (strings{"/schedule unsupported"}));
}

TEST(validate_patch, sets_merges_and_removes_a_schedule) {
    auto before = present();
    patch_request wanted;
    wanted.schedule.emplace(nights());
    const auto set = validate_patch(before, wanted);
    ASSERT_TRUE(set) << set.error().text;
    ASSERT_TRUE(set->schedule);
    EXPECT_FALSE(set->paused);
    EXPECT_EQ(validate_patch(*set, {})->schedule, set->schedule);
    wanted.schedule.emplace(schedule_request{.utc_offset = "-02:00"});
    const auto moved = validate_patch(*set, wanted);
    ASSERT_TRUE(moved) << moved.error().text;
    EXPECT_EQ(moved->schedule->utc_offset_minutes, -120);
    EXPECT_EQ(moved->schedule->off, set->schedule->off);
    EXPECT_FALSE(validate_patch(before, wanted));  // the first schedule needs windows
    wanted.schedule.emplace(schedule_request{.off = nights().off});
    EXPECT_EQ(validate_patch(*set, wanted)->schedule, set->schedule);
    wanted.schedule.emplace(std::nullopt);
    EXPECT_FALSE(validate_patch(*set, wanted)->schedule);
    EXPECT_EQ(*validate_patch(before, wanted), before);
}

TEST(validate_project, checks_name_and_quota) {
    project_request wanted{.name = "shop", .max_databases = 5, .max_cpu = "4", .max_memory = "8Gi"};
    const auto project = validate_project(nullptr, wanted);
    ASSERT_TRUE(project);
    EXPECT_EQ(project->max_cpu_millis, 4000);
    EXPECT_EQ(project->max_memory_bytes, 8 * gibi);
    const auto bad = validate_project(&*project, {.name = "other",
                                                  .display_name = std::string(201, 'x'),
                                                  .max_databases = -1,
                                                  .max_storage = "much"});
    ASSERT_FALSE(bad);
    EXPECT_EQ(error_names(bad.error()),
              (strings{"/display_name too_long", "/name immutable", "/quota/databases out_of_range",
                       "/quota/storage bad_quantity"}));
}

TEST(validate_project, a_patch_merges_labels_and_counts_characters) {
    const auto project = validate_project(
        nullptr, {.name = "shop", .labels = label_changes{{"a", "1"}, {"b", "2"}}});
    ASSERT_TRUE(project);
    std::string name;
    for (int i = 0; i < 200; ++i) name += "ü";
    const auto next = validate_project(
        &*project,
        {.display_name = name, .labels = label_changes{{"a", std::nullopt}, {"c", "3"}}});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->labels, (labels{{"b", "2"}, {"c", "3"}}));
    const auto bad = validate_project(
        nullptr,
        {.name = "shop", .labels = label_changes{{"a", std::nullopt}}, .max_memory = "999999Ei"});
    ASSERT_FALSE(bad);
    EXPECT_EQ(error_names(bad.error()),
              (strings{"/labels/a wrong_type", "/quota/memory out_of_range"}));
}

TEST(validate_create, reports_errors_of_reading_together_with_errors_of_values) {
    auto wanted = good();
    wanted.name.reset();
    wanted.engine = "oracle9i";
    wanted.unread = {{"/name", "wrong_type", "must be a string"},
                     {"/x", "unknown_field", "there is no such field"}};
    EXPECT_EQ(errors_of(wanted),
              (strings{"/engine unknown_engine", "/name wrong_type", "/x unknown_field"}));
}

}  // namespace
}  // namespace domain
