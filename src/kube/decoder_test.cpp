#include "kube/decoder.hpp"

#include <gtest/gtest.h>

#include "kube/frame_buffer.hpp"

namespace kube {
namespace {

using base::errc;

class decoder_test : public testing::Test {
  protected:
    base::outcome<watch_event> read(const std::string& frame) {
        frames_.add(frame + "\n");
        return decoder_.read_event(*frames_.next());
    }
    errc error_of_page(const std::string& text) {
        const auto end = decoder_.read_page(text, [](const object_meta&, std::string_view) {});
        return end ? errc::internal : end.error().code;
    }
    frame_buffer frames_{1 << 20};
    decoder decoder_;
};

TEST_F(decoder_test, an_event_is_read_in_any_order_of_its_members) {
    const std::string object =
        R"({"metadata":{"managedFields":[{"name":"x","uid":"y"}],"uid":"u","labels":{"name":"l"},)"
        R"("resourceVersion":"7","name":"a\u0062","namespace":"t"},"kind":"K"})";
    for (const auto& frame : {R"({"type":"ADDED","object":)" + object + "}",
                              R"({"object":)" + object + R"(,"type":"MODIFIED"})",
                              R"( { "type" : "ADDED" , "object" : )" + object + " } "}) {
        const auto event = read(frame);
        ASSERT_TRUE(event) << frame;
        EXPECT_EQ(event->kind, event_kind::upserted);
        EXPECT_EQ(event->object.substr(0, object.size()), object);
        EXPECT_EQ(event->meta.name, "ab");
        EXPECT_EQ(event->meta.ns, "t");
        EXPECT_EQ(event->meta.uid, "u");
        EXPECT_EQ(event->meta.resource_version, "7");
    }
}

TEST_F(decoder_test, a_bookmark_needs_only_a_version) {
    const auto plain = read(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->kind, event_kind::bookmark);
    EXPECT_EQ(plain->meta.resource_version, "9");
    EXPECT_FALSE(plain->ends_initial_events);
    const auto last = read(R"({"type":"BOOKMARK","object":{"metadata":{"annotations":)"
                           R"({"k8s.io/initial-events-end":"true"},"resourceVersion":"9"}}})");
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->ends_initial_events);
}

TEST_F(decoder_test, an_error_hands_on_its_status) {
    const auto event = read(R"({"type":"ERROR","object":{"kind":"Status","code":410}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, event_kind::error);
    EXPECT_EQ(event->object, R"({"kind":"Status","code":410})");
}

class broken_event : public decoder_test, public testing::WithParamInterface<const char*> {};

TEST_P(broken_event, is_corrupt) {
    const auto event = read(GetParam());
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error().code, errc::corrupt);
}

INSTANTIATE_TEST_SUITE_P(
    all, broken_event,
    testing::Values("garbage", "{", "[]", "42", "\"text\"", R"({"type":"ADDED"})",
                    R"({"type":7,"object":{}})", R"({"type":"ADDED","object":7})",
                    R"({"type":"ADDED","object":{}})",
                    R"({"type":"ADDED","object":{"metadata":7}})",
                    R"({"type":"ADDED","object":{"metadata":{"name":7,"resourceVersion":"1"}}})",
                    R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
                    R"({"type":"DELETED","object":{"metadata":{"resourceVersion":"1"}}})",
                    R"({"type":"BOOKMARK","object":{"metadata":{}}})",
                    R"({"type":"EXPLODED","object":{"metadata":{"name":"a"}}})",
                    R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1")"));

TEST_F(decoder_test, a_page_is_read_in_any_order_of_its_members) {
    const std::string item = R"({"metadata":{"name":"a","uid":"u","resourceVersion":"3"}})";
    for (const auto& text :
         {R"({"items":[)" + item + R"(],"metadata":{"resourceVersion":"5","continue":"c"}})",
          R"({"kind":"L","metadata":{"continue":"c","remainingItemCount":4,"resourceVersion":"5"},)"
          R"("items":[)" +
              item + "]}"}) {
        int items = 0;
        const auto end =
            decoder_.read_page(text, [&](const object_meta& meta, std::string_view object) {
                ++items;
                EXPECT_EQ(meta.name, "a");
                EXPECT_EQ(object, item);
            });
        ASSERT_TRUE(end) << text;
        EXPECT_EQ(end->resource_version, "5");
        EXPECT_EQ(end->continue_token, "c");
        EXPECT_EQ(items, 1);
    }
}

TEST_F(decoder_test, a_page_without_items_is_empty_when_it_says_so) {
    const auto none = [](const object_meta&, std::string_view) { ADD_FAILURE(); };
    EXPECT_TRUE(decoder_.read_page(R"({"items":[],"metadata":{"resourceVersion":"5"}})", none));
    EXPECT_TRUE(decoder_.read_page(R"({"items":null,"metadata":{"resourceVersion":"5"}})", none));
}

TEST_F(decoder_test, a_broken_page_is_corrupt) {
    for (const auto* text :
         {"", "garbage", "[]", R"({"items":[]})", R"({"metadata":{"resourceVersion":"5"}})",
          R"({"items":7,"metadata":{"resourceVersion":"5"}})",
          R"({"items":none,"metadata":{"resourceVersion":"5"}})",
          R"({"items":[7],"metadata":{"resourceVersion":"5"}})",
          R"({"items":[{"metadata":{}}],"metadata":{"resourceVersion":"5"}})",
          R"({"items":[],"metadata":7})", R"({"items":[],"metadata":{"resourceVersion":5}})",
          R"({"items":[{"metadata":{"name":"a"}},{"metadata":)"}) {
        EXPECT_EQ(error_of_page(text), errc::corrupt) << text;
    }
}

}  // namespace
}  // namespace kube
