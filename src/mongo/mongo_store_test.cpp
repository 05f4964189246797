#include "mongo/mongo_store.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "aio/block_on.hpp"
#include "mongo/document_writer.hpp"
#include "mongo/stored_document.hpp"
#include "test/support/mongo_wire.hpp"
#include "test/support/recording_log.hpp"

namespace {

using base::errc;
using mongo::document_writer;
using namespace std::chrono_literals;

enum class member_role : std::uint8_t { standalone, primary, secondary };

std::string array_of(const std::vector<std::string>& texts) {
    document_writer array;
    for (std::size_t i = 0; i < texts.size(); ++i) array.text(std::to_string(i), texts[i]);
    return array.finish();
}

std::string ok() {
    return document_writer().int32("ok", 1).finish();
}
std::string written() {
    return document_writer().int32("n", 1).int32("nModified", 1).int32("ok", 1).finish();
}
std::string failed(std::int32_t code, const std::string& text, bool is_retryable = false) {
    document_writer reply;
    reply.int32("ok", 0).int32("code", code).text("errmsg", text).text("codeName", "Scripted");
    if (is_retryable) reply.array("errorLabels", array_of({"RetryableWriteError"}));
    return reply.finish();
}
// The response of a cursor whose documents fit into the first batch.
std::string batch(const std::vector<std::string>& documents) {
    document_writer array;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        array.document(std::to_string(i), documents[i]);
    }
    return document_writer()
        .document("cursor", document_writer()
                                .int64("id", 0)
                                .text("ns", "dbaas.things")
                                .array("firstBatch", array.finish())
                                .finish())
        .int32("ok", 1)
        .finish();
}
std::string unique_index() {
    return document_writer().text("name", "unique_by_value").boolean("unique", true).finish();
}

// A member of a replica set, or a standalone server, with scripted responses.
class scripted_member {
  public:
    using response = std::optional<std::string>;

    explicit scripted_member(member_role role)
        : role_(role), server_([this](const std::string& command, const std::string&) {
              return respond(command);
          }) {}
    ~scripted_member() { release(); }
    scripted_member(const scripted_member&) = delete;
    scripted_member& operator=(const scripted_member&) = delete;

    void set_role(member_role role) {
        const std::lock_guard lock(mutex_);
        role_ = role;
    }
    void set_hosts(std::vector<std::string> hosts) {
        const std::lock_guard lock(mutex_);
        hosts_ = std::move(hosts);
    }
    // Sets the next response to the command; nullopt closes the connection. `role` becomes the role
    // of the member before the response.
    void script(const std::string& command, response next,
                std::optional<member_role> role = std::nullopt) {
        const std::lock_guard lock(mutex_);
        scripted_[command].emplace_back(std::move(next), role);
    }
    // Holds back the responses to the command until release().
    void hold(const std::string& command) {
        const std::lock_guard lock(mutex_);
        gated_command_ = command;
    }
    void release() {
        const std::lock_guard lock(mutex_);
        gated_command_.clear();
        released_.notify_all();
    }
    [[nodiscard]] int received(const std::string& command) {
        const std::lock_guard lock(mutex_);
        return received_[command];
    }
    [[nodiscard]] std::string address() const { return server_.address(); }
    void close_connections() { server_.close_connections(); }

  private:
    response respond(const std::string& command) {
        std::unique_lock lock(mutex_);
        ++received_[command];
        released_.wait(lock, [&] { return gated_command_ != command; });
        if (command == "isMaster" || command == "ismaster" || command == "hello") return hello();
        auto& scripted = scripted_[command];
        if (!scripted.empty()) {
            auto [next, role] = std::move(scripted.front());
            scripted.pop_front();
            if (role) role_ = *role;
            return next;
        }
        if (role_ == member_role::secondary) return failed(10107, "not primary", true);
        if (command == "find" || command == "listCollections") return batch({});
        if (command == "listIndexes") return batch({unique_index()});
        return command == "insert" || command == "update" || command == "delete" ? written() : ok();
    }

    [[nodiscard]] std::string hello() const {
        document_writer reply;
        reply.boolean("ismaster", role_ != member_role::secondary)
            .boolean("helloOk", true)
            .int32("maxBsonObjectSize", 16 << 20)
            .int32("maxMessageSizeBytes", 48'000'000)
            .int32("maxWriteBatchSize", 100'000)
            .int32("logicalSessionTimeoutMinutes", 30)
            .int32("minWireVersion", 0)
            .int32("maxWireVersion", 13)
            .boolean("readOnly", false);
        if (role_ != member_role::standalone) {
            reply.text("setName", "rs0")
                .array("hosts", array_of(hosts_))
                .text("me", server_.address())
                .boolean("secondary", role_ == member_role::secondary);
        }
        return reply.int32("ok", 1).finish();
    }

    std::mutex mutex_;
    std::condition_variable released_;
    member_role role_;
    std::vector<std::string> hosts_;
    std::map<std::string, std::deque<std::pair<response, std::optional<member_role>>>> scripted_;
    std::map<std::string, int> received_;
    std::string gated_command_;
    fakes::scripted_mongo_server server_;  // last: its threads use the members above
};

class mongo_store : public ::testing::Test {
  protected:
    base::outcome<std::unique_ptr<ports::document_store>> open(const std::string& url) {
        options_.url = base::secret(url);
        return mongo::open_store(options_, log_, registry_);
    }
    void open_standalone(const std::string& options = "") {
        auto opened = open("mongodb://" + member_.address() + "/dbaas" + options);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = std::move(*opened);
    }
    base::outcome<ports::revision> put(ports::revision expected) {
        return aio::block_on(
            store_->put({.collection = "things", .content = {.id = "a"}, .expected = expected}));
    }

    // A test that waits for the end of a timeout sets a shorter one. The driver waits 0.5 s before
    // it looks for a server again.
    mongo::store_options options_{
        .call_timeout = 30s, .selection_timeout = 20s, .probe_period = 20ms, .connections_max = 2};
    fakes::recording_log log_;
    obs::registry registry_;
    scripted_member member_{member_role::standalone};
    std::unique_ptr<ports::document_store> store_;
};

// Two members, of which the first is primary at start.
class mongo_replica_set : public mongo_store {
  protected:
    void SetUp() override { open_set(); }
    void open_set() {
        store_.reset();
        const std::vector<std::string> hosts{first_.address(), second_.address()};
        first_.set_hosts(hosts);
        second_.set_hosts(hosts);
        auto opened = open("mongodb://" + second_.address() + "/dbaas?replicaSet=rs0");
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = std::move(*opened);
    }

    scripted_member first_{member_role::primary};
    scripted_member second_{member_role::secondary};
};

TEST_F(mongo_replica_set, finds_the_primary_from_any_member) {
    const auto before = first_.received("insert");
    EXPECT_EQ(put(0).value(), 1);
    EXPECT_EQ(first_.received("insert"), before + 1);
    EXPECT_EQ(second_.received("insert"), 0);
}

TEST_F(mongo_replica_set, a_write_during_a_stepdown_goes_to_the_new_primary) {
    ASSERT_TRUE(put(0));
    second_.set_role(member_role::primary);
    first_.script("update", failed(189, "stepped down", true), member_role::secondary);
    EXPECT_EQ(put(1).value(), 2);
    EXPECT_EQ(second_.received("update"), 1);
    EXPECT_TRUE(store_->is_connected());
}

TEST_F(mongo_replica_set, writes_fail_without_a_primary_and_recover_after_the_election) {
    options_.selection_timeout = 1s;
    open_set();
    ASSERT_TRUE(put(0));
    first_.script("update", failed(10107, "not primary", true), member_role::secondary);
    const auto unwritten = put(1);
    EXPECT_EQ(unwritten.error().code, errc::unavailable);
    EXPECT_EQ(unwritten.error().cause, ports::store_cause::not_started);
    EXPECT_FALSE(store_->is_connected());
    second_.set_role(member_role::primary);
    while (!store_->is_connected()) std::this_thread::yield();
    EXPECT_EQ(put(1).value(), 2);
    EXPECT_EQ(second_.received("update"), 1);
}

TEST_F(mongo_store, creates_collections_while_other_processes_create_them) {
    // NamespaceExists and BackgroundOperationInProgressForNamespace.
    member_.script("insert", failed(48, "Collection already exists. NS: dbaas.dbaas_schema"));
    member_.script("insert", failed(8, "UnknownError"));
    open_standalone();
    for (const auto code : {48, 12587, 8, 48}) {
        member_.script("createIndexes", failed(code, "another process creates the collection"));
    }
    EXPECT_EQ(put(0).value(), 1);
    EXPECT_EQ(member_.received("createIndexes"), 5);
    EXPECT_TRUE(store_->is_connected());
}

TEST_F(mongo_store, a_write_that_a_majority_does_not_confirm_is_unconfirmed) {
    open_standalone();
    member_.script(
        "insert",
        document_writer()
            .int32("n", 1)
            .document("writeConcernError",
                      document_writer().int32("code", 64).text("errmsg", "wtimeout").finish())
            .int32("ok", 1)
            .finish());
    const auto before = member_.received("insert");
    const auto unconfirmed = put(0);
    EXPECT_EQ(unconfirmed.error().code, errc::unavailable);
    EXPECT_EQ(unconfirmed.error().reason, "write_unconfirmed");
    EXPECT_EQ(member_.received("insert"), before + 1)
        << "a repetition would wait for the majority again";
    EXPECT_TRUE(store_->is_connected());
}

TEST_F(mongo_store, a_call_ends_while_the_server_is_slow) {
    options_.call_timeout = 2s;
    open_standalone();
    member_.hold("update");
    const auto unconfirmed = put(1);
    EXPECT_EQ(unconfirmed.error().code, errc::unavailable);
    EXPECT_EQ(unconfirmed.error().reason, "write_unconfirmed");
    member_.release();
    while (!store_->is_connected()) std::this_thread::yield();
    EXPECT_EQ(put(1).value(), 2);
}

TEST_F(mongo_store, a_read_that_times_out_is_not_repeated) {
    options_.call_timeout = 300ms;
    open_standalone("?socketTimeoutMS=300");
    member_.hold("find");
    const auto before = member_.received("find");
    EXPECT_EQ(aio::block_on(store_->get("things", "a")).error().code, errc::unavailable);
    EXPECT_EQ(member_.received("find"), before + 1);
    member_.release();
}

TEST_F(mongo_store, a_read_is_repeated_after_its_connection_closed) {
    open_standalone();
    member_.script("find", std::nullopt);
    EXPECT_EQ(aio::block_on(store_->get("things", "a")).error().code, errc::not_found);
    EXPECT_TRUE(store_->is_connected());
}

TEST_F(mongo_store, a_connection_that_closes_during_a_call_is_replaced) {
    open_standalone();
    member_.script("update", std::nullopt);
    EXPECT_EQ(put(1).value(), 2);
    EXPECT_GE(member_.received("update"), 2);
}

TEST_F(mongo_store, a_newer_schema_stops_the_start) {
    member_.script("find",
                   batch({document_writer().text("_id", "schema").int64("version", 99).finish()}));
    const auto store = open("mongodb://" + member_.address());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, errc::unsupported);
    EXPECT_NE(store.error().text.find("the database has schema version 99, but this program "
                                      "supports up to 1; use the newer version of the program"),
              std::string::npos)
        << store.error().text;
}

TEST_F(mongo_store, foreign_indexes_stop_the_start) {
    const auto things = document_writer().text("name", "things").text("type", "collection");
    member_.script("listCollections", batch({things.finish()}));
    member_.script("createIndexes", failed(86, "an index of this name has another key"));
    const auto conflict = open("mongodb://" + member_.address());
    ASSERT_FALSE(conflict);
    EXPECT_EQ(conflict.error().code, errc::conflict) << conflict.error().text;
    EXPECT_NE(conflict.error().text.find("drop the indexes"), std::string::npos);
    member_.script("listCollections", batch({things.finish()}));
    member_.script("listIndexes", batch({}));
    EXPECT_EQ(open("mongodb://" + member_.address()).error().code, errc::conflict);
}

TEST_F(mongo_store, rejected_credentials_stop_the_start_without_repeating_them) {
    member_.script("saslStart", failed(18, "Authentication failed for pa55word"));
    const auto store = open("mongodb://admin:pa55word@" + member_.address() +
                            "/dbaas?authMechanism=SCRAM-SHA-256");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, errc::denied) << store.error().text;
    EXPECT_EQ(store.error().text.find("pa55word"), std::string::npos) << store.error().text;
    EXPECT_NE(store.error().text.find("mongodb://admin:***@"), std::string::npos);
}

TEST_F(mongo_store, a_missing_server_stops_the_start) {
    options_.selection_timeout = 1s;
    const auto address = [] { return scripted_member(member_role::standalone).address(); }();
    const auto store = open("mongodb://" + address);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, errc::unavailable);
}

TEST_F(mongo_store, corrupt_documents_are_reported) {
    open_standalone();
    member_.script("find", batch({document_writer().text("_id", "a").finish()}));
    const auto document = aio::block_on(store_->get("things", "a"));
    EXPECT_EQ(document.error().code, errc::corrupt);
    EXPECT_TRUE(store_->is_connected());
}

TEST_F(mongo_store, close_waits_for_accepted_writes) {
    open_standalone();
    const auto before = member_.received("insert");  // the schema document
    member_.hold("insert");
    std::thread writer([this] { EXPECT_EQ(put(0), 1); });
    while (member_.received("insert") == before) std::this_thread::yield();
    std::thread closer([this] { EXPECT_TRUE(aio::block_on(store_->close())); });
    while (store_->is_connected()) std::this_thread::yield();
    member_.release();
    writer.join();
    closer.join();
    EXPECT_EQ(put(1).error().code, errc::unavailable);
}

TEST_F(mongo_store, metrics_show_connections_in_use_and_the_queue) {
    open_standalone();
    const auto shows = [this](const std::string& line) {
        return registry_.expose().find("\n" + line + "\n") != std::string::npos;
    };
    ASSERT_TRUE(put(0));
    EXPECT_TRUE(shows("dbaas_mongodb_connections_in_use 0"));
    member_.hold("update");
    // The watch keeps a connection of the two, so that the second write waits.
    std::vector<std::thread> writers;
    writers.reserve(2);
    for (int writer = 0; writer < 2; ++writer) {
        writers.emplace_back([this] { EXPECT_TRUE(put(1)); });
    }
    while (!shows("dbaas_mongodb_queue_depth 1") || !shows("dbaas_mongodb_connections_in_use 1")) {
        std::this_thread::yield();
    }
    member_.release();
    for (auto& writer : writers) writer.join();
    EXPECT_TRUE(shows("dbaas_mongodb_queue_depth 0"));
    EXPECT_TRUE(shows("dbaas_mongodb_connections_in_use 0"));
}

TEST_F(mongo_store, metrics_count_failed_pings) {
    open_standalone();
    const auto has_failed = [this] {
        return registry_.expose().find("\ndbaas_store_failures_total 0\n") == std::string::npos;
    };
    EXPECT_FALSE(has_failed());
    member_.script("ping", std::nullopt);
    while (!has_failed()) std::this_thread::yield();
}

TEST_F(mongo_store, metrics_count_commands_by_result) {
    open_standalone();
    ASSERT_TRUE(put(0));  // in addition to the schema document
    const auto page = registry_.expose();
    EXPECT_NE(page.find("dbaas_mongodb_command_duration_seconds_count{command=\"insert\","
                        "result=\"ok\"} 2"),
              std::string::npos)
        << page;
    EXPECT_NE(page.find("dbaas_mongodb_connections_max 2"), std::string::npos);
}

}  // namespace
