#include "mongo/call_error.hpp"

#include <gtest/gtest.h>
#include <mongoc/mongoc.h>

namespace {

using mongo::error_kind;

error_kind of_server(std::uint32_t code, bool is_retryable = false) {
    return mongo::translate({.is_from_server = true, .code = code, .is_retryable = is_retryable})
        .kind;
}
error_kind of_driver(std::uint32_t domain, std::uint32_t code) {
    return mongo::translate({.domain = domain, .code = code}).kind;
}

TEST(call_error, translates_codes_of_the_server) {
    EXPECT_EQ(of_server(11000), error_kind::duplicate_key);
    EXPECT_EQ(of_server(10107), error_kind::not_primary);
    EXPECT_EQ(of_server(13435), error_kind::not_primary);
    for (const std::uint32_t code : {189U, 11602U, 11600U, 91U, 13436U}) {
        EXPECT_EQ(of_server(code), error_kind::interrupted) << code;
    }
    EXPECT_EQ(of_server(64), error_kind::write_unconfirmed);
    EXPECT_EQ(of_server(100), error_kind::write_unconfirmed);
    EXPECT_EQ(of_server(50), error_kind::expired);
    EXPECT_EQ(of_server(10334), error_kind::too_large);
    EXPECT_EQ(of_server(13), error_kind::denied);
    EXPECT_EQ(of_server(85), error_kind::index_conflict);
    EXPECT_EQ(of_server(86), error_kind::index_conflict);
    EXPECT_EQ(of_server(8), error_kind::other);
    EXPECT_EQ(of_server(8, true), error_kind::interrupted) << "the server permits a retry";
}

TEST(call_error, translates_codes_of_the_driver) {
    EXPECT_EQ(of_driver(MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE),
              error_kind::not_sent);
    EXPECT_EQ(of_driver(MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT), error_kind::not_sent);
    EXPECT_EQ(of_driver(MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET),
              error_kind::connection_lost);
    EXPECT_EQ(of_driver(MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE), error_kind::denied);
    EXPECT_EQ(of_driver(MONGOC_ERROR_SCRAM, MONGOC_ERROR_SCRAM_PROTOCOL_ERROR), error_kind::denied);
    EXPECT_EQ(of_driver(MONGOC_ERROR_WRITE_CONCERN, 64), error_kind::write_unconfirmed);
    EXPECT_EQ(of_driver(MONGOC_ERROR_MATCHER, 0), error_kind::other);
}

TEST(call_error, marks_a_write_as_not_started_only_if_it_was_not_applied) {
    for (int number = 0; number <= static_cast<int>(error_kind::other); ++number) {
        const auto kind = static_cast<error_kind>(number);
        const auto failure = mongo::as_write_failure(kind, false);
        EXPECT_EQ(mongo::as_read_failure(kind).code, base::errc::unavailable);
        EXPECT_EQ(failure.code,
                  kind == error_kind::too_large ? base::errc::limit : base::errc::unavailable)
            << name(kind);
        if (may_be_applied(kind)) EXPECT_TRUE(failure.cause.is_empty()) << name(kind);
        if (is_worth_retry(kind)) EXPECT_TRUE(is_disconnect(kind)) << name(kind);
    }
    EXPECT_EQ(mongo::as_write_failure(error_kind::not_primary, false).cause,
              ports::store_cause::not_started);
    const auto unconfirmed = mongo::as_write_failure(error_kind::not_primary, true);
    EXPECT_TRUE(unconfirmed.cause.is_empty());
    EXPECT_EQ(unconfirmed.reason, "write_unconfirmed");
    EXPECT_TRUE(may_be_applied(error_kind::connection_lost));
    EXPECT_FALSE(is_worth_retry(error_kind::write_unconfirmed));
    EXPECT_FALSE(is_disconnect(error_kind::write_unconfirmed)) << "the primary responds";
}

TEST(call_error, names_hosts_in_the_log_alone) {
    const mongo::call_error error{.kind = error_kind::not_sent, .text = "no server at db-1:27017"};
    EXPECT_EQ(mongo::as_failure(error).text, "MongoDB: no server at db-1:27017");
    EXPECT_EQ(mongo::as_read_failure(error.kind).text, "the store is not connected");
    EXPECT_EQ(mongo::as_write_failure(error.kind, false).text, "the store is not connected");
    EXPECT_EQ(mongo::as_failure({.kind = error_kind::denied}).code, base::errc::denied);
}

}  // namespace
