#include "kube/frame_buffer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kube {
namespace {

std::vector<std::string> all_of(frame_buffer& buffer) {
    std::vector<std::string> frames;
    while (const auto frame = buffer.next()) frames.emplace_back(*frame);
    return frames;
}

TEST(frame_buffer, joins_a_frame_cut_at_any_byte) {
    const std::string stream = "one\ntwo\r\n\nthree\n";
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); ++second) {
            frame_buffer buffer(100);
            std::vector<std::string> frames;
            for (const auto& part : {stream.substr(0, first), stream.substr(first, second - first),
                                     stream.substr(second)}) {
                buffer.add(part);
                for (auto& each : all_of(buffer)) frames.push_back(std::move(each));
            }
            EXPECT_EQ(frames, (std::vector<std::string>{"one", "two", "three"}));
            EXPECT_TRUE(buffer.is_empty());
        }
    }
}

TEST(frame_buffer, keeps_an_unfinished_frame) {
    frame_buffer buffer(100);
    buffer.add("one\ntw");
    EXPECT_EQ(all_of(buffer), std::vector<std::string>{"one"});
    EXPECT_FALSE(buffer.is_empty());
    buffer.add("o\n");
    EXPECT_EQ(all_of(buffer), std::vector<std::string>{"two"});
    EXPECT_TRUE(buffer.is_empty());
}

TEST(frame_buffer, holds_a_frame_of_megabytes_and_says_when_one_is_too_large) {
    constexpr std::size_t frame_max = 4 * 1024 * 1024;
    frame_buffer buffer(frame_max);
    const std::string part(64 * 1024, 'x');
    for (std::size_t size = 0; size < frame_max; size += part.size()) {
        buffer.add(part);
        EXPECT_FALSE(buffer.next());
        EXPECT_FALSE(buffer.is_overlong());
    }
    buffer.add("\n");
    const auto frame = buffer.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->size(), frame_max);
    buffer.add(std::string(frame_max, 'y'));
    EXPECT_FALSE(buffer.next());
    EXPECT_FALSE(buffer.is_overlong());
    buffer.add("y");
    EXPECT_TRUE(buffer.is_overlong());
    buffer.clear();
    EXPECT_FALSE(buffer.is_overlong());
    EXPECT_TRUE(buffer.is_empty());
}

TEST(frame_buffer, leaves_readable_bytes_behind_every_frame) {
    frame_buffer buffer(1000);
    buffer.add("a\nb\n");
    int sum = 0;
    while (const auto frame = buffer.next()) {
        for (std::size_t index = 0; index < frame_buffer::padding; ++index)
            sum += frame->end()[index] == 'z';
    }
    EXPECT_EQ(sum, 0);  // what counts is that the sanitizers have nothing to say
}

}  // namespace
}  // namespace kube
