#include "api/api.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "api/endpoints/read_endpoints.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/etag.hpp"
#include "api/json/request_json.hpp"
#include "api/json/response_json.hpp"
#include "api/problem.hpp"
#include "api/read_model/list_queries.hpp"
#include "api/read_model/read_model.hpp"
#include "api/request_query.hpp"
#include "api/routes.hpp"
#include "app/store_failure.hpp"
#include "domain/field_errors.hpp"
#include "json/json.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

std::shared_ptr<const app::database_view> view_of(const std::string& name, std::uint64_t version,
                                                  domain::labels labels = {}) {
    domain::database record{
        .id = "db-" + name,
        .project = "default",
        .name = name,
        .engine = "redis",
        .version = "7",
        .labels = std::move(labels),
        .revision = 3,
        .created_at = base::instant(std::chrono::seconds(1'700'000'000 + version))};
    return std::make_shared<const app::database_view>(
        app::database_view{.record = std::make_shared<const domain::database>(record),
                           .status = {.phase = domain::status_phase::running},
                           .version = version});
}

TEST(request_json, lists_every_error_with_its_pointer) {
    const auto request = api::read_create(
        R"({"name":1,"topology":{"mode":2,"x":1},"size":[],"labels":{"a/b":5},"nope":{}})");
    ASSERT_TRUE(request) << request.error().text;
    std::vector<std::string> errors;
    for (const auto& error : request->unread) errors.push_back(error.pointer + " " + error.code);
    std::ranges::sort(errors);
    EXPECT_EQ(errors,
              (std::vector<std::string>{"/labels/a~1b wrong_type", "/name wrong_type",
                                        "/nope unknown_field", "/size wrong_type",
                                        "/topology/mode wrong_type", "/topology/x unknown_field"}));
    for (const auto* broken : {"", "{", "[]", "7", "{\"a\":\"\xff\"}"}) {
        EXPECT_EQ(api::read_create(broken).error().reason, "bad_request") << broken;
    }
    EXPECT_EQ(api::read_create(std::string(1000, '[')).error().reason, "bad_request");
}

TEST(request_json, accepts_integers_in_every_notation) {
    const auto replicas = [](std::string_view text) {
        const auto request =
            api::read_create(fmt::format(R"({{"topology":{{"replicas":{}}}}})", text));
        return request->unread.empty() ? request->topology->replicas : std::nullopt;
    };
    EXPECT_EQ(replicas("3"), 3);
    EXPECT_EQ(replicas("3.0"), 3);
    EXPECT_EQ(replicas("3e2"), 300);
    EXPECT_EQ(replicas("3.5"), std::nullopt);
    EXPECT_EQ(replicas("1e300"), std::nullopt);
    EXPECT_EQ(replicas("9223372036854775808"), std::nullopt);
}

TEST(request_json, reports_duplicate_members) {
    const auto pointer = [](std::string_view body) {
        const auto request = api::read_patch(body);
        return request->unread.empty() ? ""
                                       : request->unread[0].pointer + " " + request->unread[0].code;
    };
    EXPECT_EQ(pointer(R"({"paused":true,"paused":false})"), "/paused repeated_field");
    EXPECT_EQ(pointer(R"({"labels":{"a/b":"1","c":"1","a/b":"2"}})"),
              "/labels/a~1b repeated_field");
}

TEST(request_json, a_patch_keeps_immutable_members_for_the_domain) {
    const auto request = api::read_patch(R"({"engine":"mysql","labels":{"a":null},"paused":true})");
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_EQ(request->immutable.at("engine"), "mysql");
    EXPECT_EQ(request->labels->at("a"), std::nullopt);
    EXPECT_EQ(request->paused, true);
}

TEST(request_json, reports_a_bounded_number_of_errors) {
    std::string body = "{\"labels\":{";
    for (int i = 0; i < 300; ++i) body += fmt::format("\"k{}\":1,", i);
    body.back() = '}';
    for (int i = 0; i < 300; ++i) body += fmt::format(",\"x{}\":1", i);
    const auto request = api::read_patch(body + "}");
    ASSERT_TRUE(request) << request.error().text;
    ASSERT_EQ(request->unread.size(), domain::field_errors_max + 1);
    EXPECT_EQ(request->unread.back().code, "too_many_errors");
}

// Responses contain null for a custom size and for the cluster's default class.
TEST(request_json, accepts_null_where_responses_contain_it) {
    const auto request = api::read_patch(
        R"({"size":{"preset":null,"cpu":"1","memory":"2Gi"},"storage":{"class":null}})");
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_TRUE(request->unread.empty());
    EXPECT_EQ(request->size->preset, std::nullopt);
    EXPECT_EQ(request->storage->storage_class, "");
}

TEST(problem, maps_failures_to_statuses_and_hides_internal_causes) {
    using base::errc;
    EXPECT_EQ(api::status_of(api::bad_request("").error()), 400U);
    EXPECT_EQ(api::status_of({errc::invalid, "", "bad_request"}), 422U);  // the cause decides
    EXPECT_EQ(api::status_of({errc::invalid, ""}), 422U);
    EXPECT_EQ(api::status_of({errc::precondition, ""}), 412U);
    fakes::recording_log log;
    std::vector<std::string> lines;
    for (const auto code : {errc::internal, errc::corrupt}) {
        const auto response = api::problem({code, "assertion in file x"}, "req-1", log);
        EXPECT_EQ(response.status, code == errc::internal ? 500U : 502U);
        EXPECT_FALSE(response.body.to_string().contains("assertion"));
        lines.push_back(
            fmt::format("request_failed request_id=req-1 code={} detail=assertion in file x",
                        base::name(code)));
        EXPECT_EQ(log.lines_of("request_failed"), lines);
    }
    const auto later = api::problem({errc::unavailable, "down", "", {}, 7s}, "req-1", log);
    EXPECT_EQ(log.lines_of("request_failed"), lines);  // the client has been lines why
    EXPECT_EQ(later.headers.get("Retry-After"), "7");
}

TEST(problem, hides_and_logs_the_texts_of_the_store) {
    using base::errc;
    struct row {
        base::failure failure;
        unsigned status;
        const char* detail;
    };
    const std::string text = "write api_keys: 10.0.0.1:27017 does not respond";
    const auto of_store = [&](errc code) {
        return app::pass_store(base::outcome<void>(base::fail(code, text)), "store").error();
    };
    const std::vector<row> rows{
        {of_store(errc::unavailable), 503,
         "the store is not available; a change may have been made"},
        {base::fail(errc::unavailable, text, ports::store_cause::queue_full).error(), 503,
         "the store is not available; try again"},
        {base::fail(errc::unavailable, text, ports::store_cause::not_started).error(), 503,
         "the store is not available; try again"},
        {of_store(errc::timed_out), 504,
         "the store did not respond before the deadline; a change may have been made"},
        {of_store(errc::precondition), 412,
         "another request has changed the object; read it again"},
        {of_store(errc::conflict), 409, "another request has changed the object; read it again"},
        {of_store(errc::limit), 409, "the object is too large for the store"},
        {of_store(errc::invalid), 422, "the store does not accept the request"},
    };
    for (const auto& row : rows) {
        fakes::recording_log log;
        const auto response = api::problem(row.failure, "req-1", log);
        EXPECT_EQ(response.status, row.status);
        const auto document = json::parse(response.body.to_string());
        EXPECT_EQ(document.at("detail").as_string(), row.detail);
        ASSERT_EQ(log.lines_of("request_failed").size(), 1U);
        EXPECT_TRUE(log.lines().front().contains(text)) << log.lines().front();
    }
    fakes::recording_log log;
    const auto stopped = api::problem({errc::cancelled, "wait for earlier writes"}, "req-1", log);
    EXPECT_TRUE(stopped.body.to_string().contains("\"the platform is shutting down\""));
    EXPECT_TRUE(log.lines().empty());
}

TEST(routes, dispatch_by_method_and_pattern) {
    using http::method;
    EXPECT_EQ(api::match(method::get, "/api/v1/databases/db-1/metrics").parameter, "db-1");
    EXPECT_EQ(api::match(method::head, "/api/v1/databases").route->id,
              api::endpoint::list_databases);
    EXPECT_FALSE(api::match(method::get, "/api/v1/databases/").path_known);
    EXPECT_FALSE(api::match(method::get, "/api/v1/databases/a/b").path_known);
    EXPECT_TRUE(api::match(method::put, "/api/v1/databases").path_known);
    EXPECT_EQ(api::match(method::put, "/api/v1/databases").route, nullptr);
    EXPECT_EQ(api::allowed_methods("/api/v1/databases"), "GET, HEAD, POST, OPTIONS");
}

TEST(openapi, describes_every_route_and_has_no_dangling_reference) {
    const auto document = json::parse(api::openapi_document());
    const auto& paths = document.at("paths").as_object();
    std::ptrdiff_t operations = 0;
    for (const auto& [path, item] : paths) operations += std::ssize(item.as_object());
    EXPECT_EQ(operations, std::ranges::count_if(api::all_routes(), &api::route::is_described));
    EXPECT_FALSE(paths.contains("/docs/{file}"));
    std::set<std::string_view> known, used;
    for (const auto& tag : document.at("tags").as_array()) known.insert(tag.at("name").as_string());
    for (const auto& [path, item] : paths) {
        for (const auto& [verb, operation] : item.as_object()) {
            used.insert(operation.at("tags").at(0).as_string());
        }
    }
    EXPECT_EQ(used, known);
    const auto text = api::openapi_document();
    const auto& schemas = document.at("components").at("schemas").as_object();
    const std::string mark = "#/components/schemas/";
    for (auto start = text.find(mark); start != std::string::npos;
         start = text.find(mark, start + 1)) {
        const auto name_start = start + mark.size();
        const auto name = text.substr(name_start, text.find('"', name_start) - name_start);
        EXPECT_TRUE(schemas.contains(name)) << name;
    }
}

TEST(read_model, lists_filter_sort_and_page) {
    api::read_model model;
    std::uint64_t version = 0;
    for (const auto* name : {"delta", "alpha", "charlie", "bravo"}) {
        ++version;
        model.on_database(view_of(name, version, {{"even", version % 2 == 0 ? "yes" : "no"}}),
                          {.record = true});
    }
    const auto names = [&](const std::string& query) {
        const auto wanted = api::read_list_query(query);
        EXPECT_TRUE(wanted) << query;
        const auto page = api::list_databases(model, *wanted, domain::visible_projects::all());
        EXPECT_TRUE(page) << query;
        std::string joined;
        const auto document = json::parse(page->text);
        for (const auto& item : document.at("items").as_array()) {
            joined += item.at("name").as_string()[0];
        }
        const auto& next = document.at("next_cursor");
        return std::pair(joined, next.is_string() ? std::string(next.as_string()) : "");
    };
    EXPECT_EQ(names("").first, "abcd");
    EXPECT_EQ(names("sort=-name").first, "dcba");
    EXPECT_EQ(names("sort=created_at").first, "dacb");
    EXPECT_EQ(names("label=even=yes").first, "ab");
    EXPECT_EQ(names("q=l").first, "acd");
    EXPECT_EQ(names("status=failed").first, "");
    const auto first = names("limit=3");
    EXPECT_EQ(first.first, "abc");
    EXPECT_EQ(names("limit=3&cursor=" + first.second).first, "d");
    const auto back = names("limit=3&sort=-name");
    EXPECT_EQ(names("limit=3&sort=-name&cursor=" + back.second).first, "a");
    for (const auto* bad : {"x=1", "limit=0", "limit=501", "status=nope", "sort=size", "label=x"}) {
        EXPECT_EQ(api::read_list_query(bad).error().reason, "bad_request") << bad;
    }
    const auto foreign = api::read_list_query("sort=-name&cursor=" + first.second);
    EXPECT_EQ(api::list_databases(model, *foreign, domain::visible_projects::all()).error().reason,
              "bad_request");
    model.on_database_deleted(view_of("alpha", 9));
    EXPECT_EQ(names("").first, "bcd");
    EXPECT_EQ(model.database("db-alpha"), nullptr);
}

TEST(response_json, has_no_endpoints_of_an_object_of_another_owner) {
    auto view = *view_of("a", 1);
    auto observed =
        domain::observed_database{.exists = true, .uid = "uid-1", .owner_database_id = "db-a"};
    observed.endpoints = {{.purpose = "primary", .host = "10.0.0.1", .port = 6379}};
    const auto text_of = [&] {
        view.observed = std::make_shared<const domain::observed_database>(observed);
        std::string text;
        json::writer out(text);
        api::write_status(out, view);
        return text;
    };
    EXPECT_TRUE(text_of().contains("10.0.0.1"));  // created, and its uid not stored yet
    observed.owner_database_id = "db-other";
    EXPECT_FALSE(text_of().contains("10.0.0.1"));
}

TEST(metrics, the_age_is_spliced_in_and_fresh_becomes_stale) {
    auto view = *view_of("a", 1);
    auto sample = std::make_shared<domain::metrics_sample>();
    sample->values[domain::metric_id::up] = 1;
    sample->values[domain::metric_id::operations_per_second] = 2.5;
    sample->values[domain::metric_id::deadlocks_per_second] = 0;
    sample->observed_at = base::instant(1'700'000'000s);
    view.sample = sample;
    view.metrics = app::metrics_state::fresh;
    const auto document = api::encode_metrics(view);
    const auto whole = [&](std::chrono::seconds age) {
        auto text = document.text;
        text.insert(document.split_at,
                    api::encode_age(api::age_of_sample(view, sample->observed_at + age)));
        return json::parse(text);
    };
    EXPECT_EQ(whole(7s).at("age_seconds").as_int64(), 7);
    EXPECT_EQ(whole(7s).at("status").as_string(), "fresh");
    EXPECT_EQ(whole(91s).at("status").as_string(), "stale");
    EXPECT_EQ(whole(0s).at("metrics").at("operations").as_object().size(), 2U);
    EXPECT_EQ(whole(7s).at("message").as_string(), "");
}

TEST(metrics, the_cause_of_a_failed_scrape_is_spliced_in) {
    auto view = *view_of("a", 1);
    view.metrics = app::metrics_state::unavailable;
    view.metrics_reason = "exporter_error";
    view.metrics_message = "HTTP 500: \"boom\"";
    const auto document = api::encode_metrics(view);
    auto text = document.text;
    text.insert(document.split_at, api::encode_age(api::age_of_sample(view, {})));
    const auto whole = json::parse(text);
    EXPECT_EQ(whole.at("reason").as_string(), "exporter_error");
    EXPECT_EQ(whole.at("message").as_string(), "HTTP 500: \"boom\"");
}

TEST(etags, are_equal_in_all_processes_for_equal_content) {
    auto later = *view_of("a", 1);
    later.version = 900;  // counts publications of one process
    api::read_model first, second;
    first.on_database(view_of("a", 1), {.record = true});
    second.on_database(std::make_shared<const app::database_view>(later), {.record = true});
    EXPECT_TRUE(first.database("db-a")->etag.starts_with("\"3-"));
    EXPECT_EQ(first.database("db-a")->etag, second.database("db-a")->etag);
    EXPECT_EQ(first.database("db-a")->metrics_hash, second.database("db-a")->metrics_hash);
    later.status.phase = domain::status_phase::failed;
    second.on_database(std::make_shared<const app::database_view>(later), {.status = true});
    EXPECT_NE(first.database("db-a")->etag, second.database("db-a")->etag);
}

// Each replica has its own time of the last observation.
TEST(etags, of_a_database_do_not_change_with_the_time_of_the_observation) {
    const auto seen = [](int seconds, const std::string& message) {
        domain::observed_database observed;
        observed.observed_at = domain::instant(std::chrono::seconds(seconds));
        observed.conditions = {{.type = "Ready", .message = message}};
        auto view = *view_of("a", 1);
        auto record = *view.record;
        record.labels = {{"a", "b"}, {"observed_at", "c"}};
        view.record = std::make_shared<const domain::database>(std::move(record));
        view.observed = std::make_shared<const domain::observed_database>(std::move(observed));
        view.status.message = R"(,"observed_at":"1", )";
        return std::make_shared<const app::database_view>(std::move(view));
    };
    api::read_model first, second, third;
    first.on_database(seen(1, "a"), {.record = true});
    second.on_database(seen(2, "a"), {.record = true});
    third.on_database(seen(1, "b"), {.record = true});
    EXPECT_NE(*first.database("db-a")->database, *second.database("db-a")->database);
    EXPECT_EQ(first.database("db-a")->etag, second.database("db-a")->etag);
    EXPECT_NE(first.database("db-a")->etag, third.database("db-a")->etag);
    second.on_database(seen(2, "b"), {.status = true});
    EXPECT_EQ(second.database("db-a")->etag, third.database("db-a")->etag);
}

TEST(read_model, shows_a_bulk_at_its_end) {
    api::read_model model;
    model.on_database(view_of("a", 1), {.record = true});
    model.begin_bulk();
    model.on_database(view_of("b", 2), {.record = true});
    model.on_database(view_of("a", 3), {.record = true});
    model.on_database_deleted(view_of("b", 2));
    model.on_database(view_of("c", 4), {.record = true});
    EXPECT_EQ(model.database("db-c"), nullptr);
    EXPECT_EQ(model.all()->databases.by_name.size(), 1U);
    model.end_bulk();
    EXPECT_NE(model.database("db-c"), nullptr);
    EXPECT_EQ(model.database("db-b"), nullptr);
    EXPECT_EQ(model.all()->databases.by_name.size(), 2U);
    model.on_database(view_of("d", 5), {.record = true});
    EXPECT_EQ(model.all()->databases.by_name.size(), 3U);
}

TEST(etags, of_a_database_do_not_change_with_its_metrics) {
    api::read_model model;
    model.on_database(view_of("a", 4), {.record = true});
    const auto etag = model.database("db-a")->etag;
    model.on_database(view_of("a", 6), {.metrics = true});
    EXPECT_EQ(model.database("db-a")->etag, etag);
}

TEST(etags, of_lists_depend_on_items_and_total) {
    api::read_model model;
    model.on_database(view_of("a", 1), {.record = true});
    const auto hash_of = [&](const char* query) {
        return api::list_databases(model, *api::read_list_query(query),
                                   domain::visible_projects::all())
            ->hash;
    };
    const auto before = hash_of("limit=1");
    EXPECT_EQ(hash_of("limit=1"), before);
    EXPECT_EQ(hash_of("q=a"), before);
    EXPECT_NE(hash_of("q=b"), before);
    model.on_database(view_of("b", 2), {.record = true});
    EXPECT_NE(hash_of("limit=1"), before);  // another total and cursor
}

TEST(etags, contain_the_revision) {
    const auto revision = [](std::string_view header) {
        const auto tags = http::parse_entity_tags(header);
        const auto version = tags ? api::version_of(tags->front()) : std::nullopt;
        return version ? std::optional(version->revision) : std::nullopt;
    };
    EXPECT_EQ(revision(api::etag_of(7, 2)), 7);
    EXPECT_EQ(revision("\"7\""), 7);
    EXPECT_EQ(revision("\"7-of-another.9\""), 7);
    EXPECT_EQ(revision("W/" + api::etag_of(7, 2)), 7);
    EXPECT_EQ(revision("W/\"7-0123456789abcdef-gzip\""), 7);
    EXPECT_EQ(revision("W/\"7-a2b3c4\""), std::nullopt);
    EXPECT_EQ(revision("W/\"7-0123456789abcdefg\""), std::nullopt);
    EXPECT_EQ(revision("W/\"7\""), std::nullopt);
    EXPECT_EQ(revision(api::weak_etag_of(2)), std::nullopt);
    EXPECT_EQ(revision(api::weak_etag_of(0x1234567890123456, "stale")), std::nullopt);
    EXPECT_EQ(revision("\"x-a2b3c4\""), std::nullopt);
    EXPECT_EQ(revision("\"\""), std::nullopt);
}

TEST(etags, name_the_incarnation_of_objects_whose_names_can_be_used_again) {
    const auto incarnation = [](std::string_view header) {
        const auto tags = http::parse_entity_tags(header);
        const auto version = tags ? api::version_of(tags->front()) : std::nullopt;
        return version ? version->incarnation : std::nullopt;
    };
    const base::instant created_at{std::chrono::microseconds(0x5c0f'1234'5678)};
    const auto tag = api::etag_of(7, created_at, 2);
    EXPECT_EQ(tag, "\"7-00005c0f12345678-0000000000000002\"");
    EXPECT_EQ(incarnation(tag), app::incarnation_of(created_at));
    EXPECT_EQ(incarnation("W/" + tag), app::incarnation_of(created_at));
    EXPECT_EQ(incarnation("W/\"7-00005c0f12345678-0000000000000002-gzip\""),
              app::incarnation_of(created_at));
    EXPECT_EQ(incarnation("\"7-00005c0f12345678-0000000000000002-br\""),
              app::incarnation_of(created_at));
    for (const auto* other :
         {"\"7\"", "\"7-00005c0f12345678\"", "\"7-00005c0f12345678-gzip\"",
          "\"7-00005c0f1234567-0000000000000002\"", "\"7-00005c0f12345678-00000000000000x2\"",
          "W/\"7-00005c0f12345678-0000000000000002-other\""}) {
        EXPECT_EQ(incarnation(other), std::nullopt) << other;
    }
}

TEST(etags, compare_weakly_and_in_lists) {
    EXPECT_TRUE(api::is_known("\"3-1\"", "\"3-1\""));
    EXPECT_TRUE(api::is_known("W/\"7\", \"8\"", "W/\"7\""));
    EXPECT_TRUE(api::is_known("*", "\"1\""));
    EXPECT_FALSE(api::is_known("\"33-1\"", "\"3-1\""));
    EXPECT_FALSE(api::is_known("", "\"3-1\""));
}

TEST(idempotency, stores_successes_up_to_the_size_limit) {
    for (const unsigned status : {200U, 201U, 202U, 204U}) {
        EXPECT_TRUE(api::is_worth_keeping(status, 1000)) << status;
    }
    for (const unsigned status : {304U, 400U, 404U, 409U, 412U, 415U, 422U, 429U, 500U, 503U}) {
        EXPECT_FALSE(api::is_worth_keeping(status, 1000)) << status;
    }
    EXPECT_FALSE(api::is_worth_keeping(202, 1000 * 1000));
}

}  // namespace
