#include "mongo/stored_document.hpp"

#include <bson/bson.h>
#include <gtest/gtest.h>

#include <memory>

#include "mongo/document_writer.hpp"

namespace {

std::string json_of(std::string_view bytes) {
    bson_t view;
    if (!bson_init_static(&view, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          bytes.size())) {
        return "not BSON";
    }
    const std::unique_ptr<char, decltype(&bson_free)> text(
        bson_as_relaxed_extended_json(&view, nullptr), &bson_free);
    return text == nullptr ? "not JSON" : text.get();
}

TEST(stored_document, encodes_fields_without_user_text_as_keys) {
    const ports::document document{.id = "db-1",
                                   .body = "{}",
                                   .index = {{"project", "$a.b"}},
                                   .unique = {{"name", "shop/orders"}}};
    EXPECT_EQ(json_of(mongo::encode(document, 3, "w1")),
              R"({ "_id" : "db-1", "rev" : 3, "body" : "{}", )"
              R"("index" : [ { "k" : "project", "v" : "$a.b" } ], )"
              R"("unique" : [ { "k" : "name", "v" : "shop/orders" } ], "write_id" : "w1" })");
}

TEST(stored_document, omits_empty_index_and_unique) {
    EXPECT_EQ(json_of(mongo::encode({.id = "a"}, 1, "w")),
              R"({ "_id" : "a", "rev" : 1, "body" : "", "write_id" : "w" })");
}

TEST(stored_document, decodes_what_it_encodes) {
    std::string every_byte;
    for (int i = 0; i < 512; ++i) every_byte += static_cast<char>(i);
    for (const auto& body : {every_byte, std::string("text with \0 in it", 17), std::string("ä€😀"),
                             std::string(), std::string("\xff")}) {
        ports::document document{.id = "ä\x01/b",
                                 .body = body,
                                 .index = {{"", ""}, {"k", "v\"'%_"}},
                                 .unique = {{"u", std::string("x\0y", 3)}}};
        const auto decoded = mongo::decode(mongo::encode(document, 7, "w"));
        ASSERT_TRUE(decoded) << decoded.error().text;
        document.revision = 7;
        document.write_id = "w";
        EXPECT_EQ(*decoded, document);
    }
}

TEST(stored_document, decodes_the_version_alone) {
    const auto version = mongo::decode_version(mongo::encode({.id = "a", .body = "x"}, 9, "w9"));
    ASSERT_TRUE(version);
    EXPECT_EQ(*version, (mongo::stored_version{.id = "a", .revision = 9, .write_id = "w9"}));
    const auto projected =
        mongo::decode_version(mongo::document_writer().text("_id", "a").int32("rev", 2).finish());
    ASSERT_TRUE(projected);
    EXPECT_EQ(projected->revision, 2) << "a shell of MongoDB may write int32";
}

TEST(stored_document, rejects_documents_of_other_programs_as_corrupt) {
    using mongo::document_writer;
    const auto list = [](const std::string& item) {
        return document_writer()
            .text("_id", "a")
            .int64("rev", 1)
            .text("body", "")
            .array("index", document_writer().document("0", item).finish())
            .finish();
    };
    for (const auto& bytes :
         {std::string(), std::string("\x05\0\0\0\1", 5), document_writer().finish(),
          document_writer().int64("_id", 1).int64("rev", 1).finish(),
          document_writer().text("_id", "a").text("rev", "1").finish(),
          document_writer().text("_id", "a").int64("rev", 0).finish(),
          document_writer().text("_id", "a").int64("rev", 1).finish(),
          document_writer().text("_id", "a").int64("rev", 1).int64("body", 1).finish(),
          document_writer()
              .text("_id", "a")
              .int64("rev", 1)
              .text("body", "")
              .int64("index", 1)
              .finish(),
          list(document_writer().text("k", "a").finish()),
          list(document_writer().text("k", "a").int64("v", 1).finish())}) {
        const auto decoded = mongo::decode(bytes);
        ASSERT_FALSE(decoded) << json_of(bytes);
        EXPECT_EQ(decoded.error().code, base::errc::corrupt) << json_of(bytes);
    }
}

TEST(stored_document, checks_bounds_and_utf8) {
    using base::errc;
    const auto code_of = [](const ports::document& document) {
        const auto checked = mongo::check_document(document);
        return checked ? errc::internal : checked.error().code;
    };
    EXPECT_EQ(code_of({.id = std::string(128, 'x'), .body = std::string(4 << 20, 'x')}),
              errc::internal)
        << "at the limits";
    EXPECT_EQ(code_of({.id = ""}), errc::limit);
    EXPECT_EQ(code_of({.id = std::string(129, 'x')}), errc::limit);
    EXPECT_EQ(code_of({.id = "a", .body = std::string((4 << 20) + 1, 'x')}), errc::limit);
    EXPECT_EQ(code_of({.id = "\xff"}), errc::invalid);
    EXPECT_EQ(code_of({.id = "a", .index = {{"k", "\xc3"}}}), errc::invalid);
    EXPECT_EQ(code_of({.id = "a", .unique = {{"\xff", "v"}}}), errc::invalid);
}

TEST(stored_document, selects_by_version_and_by_page) {
    EXPECT_EQ(json_of(mongo::filter_by_version("a", 3, "")), R"({ "_id" : "a", "rev" : 3 })");
    EXPECT_EQ(json_of(mongo::filter_by_version("a", 3, "x")),
              R"({ "_id" : "a", "rev" : 3, "write_id" : "x" })");
    EXPECT_EQ(json_of(mongo::filter_by_ids({"a", "b"})), R"({ "_id" : { "$in" : [ "a", "b" ] } })");
    EXPECT_EQ(json_of(mongo::filter_of_page({.after = "a"})), R"({ "_id" : { "$gt" : "a" } })");
    EXPECT_EQ(json_of(mongo::filter_of_page({.index_name = "project", .index_value = "$where"})),
              R"({ "index" : { "k" : "project", "v" : "$where" }, "_id" : { "$gt" : "" } })");
    EXPECT_EQ(json_of(mongo::options_of_find(2, std::chrono::seconds(1))),
              R"({ "sort" : { "_id" : 1 }, "limit" : 2, "batchSize" : 3, "maxTimeMS" : 1000 })")
        << "one command reads the whole page";
    EXPECT_EQ(json_of(mongo::options_of_version_find(0, std::chrono::seconds(-1))),
              R"({ "sort" : { "_id" : 1 }, "maxTimeMS" : 1, )"
              R"("projection" : { "rev" : 1, "write_id" : 1 } })")
        << "a passed deadline is not 'no limit'";
}

}  // namespace
