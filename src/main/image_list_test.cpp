#include "main/image_list.hpp"

#include <gtest/gtest.h>

namespace {

json::object version_of(bool is_deprecated) {
    return json::object{
        {"metadata", {{"name", "7.4.1"}, {"annotations", {{"image", "not/an-image:1"}}}}},
        {"spec",
         {{"deprecated", is_deprecated},
          {"version", "7.4.1"},
          {"db", {{"image", "ghcr.io/appscode-images/redis:7.4.1"}}},
          {"exporter", {{"image", "ghcr.io/kubedb/redis_exporter:1.66"}}},
          {"initContainer", {{"image", ""}}},
          {"archiver", {{"walg", {{"image", "ghcr.io/kubedb/wal-g:1"}}}}},
          {"ui", json::array{json::object{{"name", "x"}}}}}}};
}

TEST(image_list, has_each_image_of_the_spec_once) {
    std::set<std::string> images;
    images::add_images(version_of(false), false, images);
    images::add_images(version_of(false), false, images);
    EXPECT_EQ(images, (std::set<std::string>{"ghcr.io/appscode-images/redis:7.4.1",
                                             "ghcr.io/kubedb/redis_exporter:1.66",
                                             "ghcr.io/kubedb/wal-g:1"}));
}

TEST(image_list, has_a_deprecated_version_on_request_alone) {
    std::set<std::string> images;
    images::add_images(version_of(true), false, images);
    images::add_images({{"metadata", json::object{}}}, false, images);
    EXPECT_TRUE(images.empty());
    images::add_images(version_of(true), true, images);
    EXPECT_EQ(images.size(), 3U);
}

TEST(image_list, replaces_the_host_of_the_registry) {
    struct row {
        const char* image;
        const char* expected;
    };
    for (const auto& [image, expected] :
         {row{"ghcr.io/kubedb/redis:7", "registry.local:5000/mirror/kubedb/redis:7"},
          row{"localhost/a:1", "registry.local:5000/mirror/a:1"},
          row{"kubedb/redis:7", "registry.local:5000/mirror/kubedb/redis:7"},
          row{"redis", "registry.local:5000/mirror/redis"},
          row{"redis:7", "registry.local:5000/mirror/redis:7"},
          row{"host:80/a@sha256:ab", "registry.local:5000/mirror/a@sha256:ab"}}) {
        EXPECT_EQ(images::in_registry(image, "registry.local:5000/mirror"), expected);
    }
}

TEST(image_list, prints_the_source_and_the_target_of_a_copy) {
    const std::set<std::string> images{"ghcr.io/a/b:1"};
    EXPECT_EQ(images::as_text(images, ""), "ghcr.io/a/b:1\n");
    EXPECT_EQ(images::as_text(images, "r.local"), "ghcr.io/a/b:1 r.local/a/b:1\n");
    EXPECT_EQ(images::as_json(images, "r.local"),
              "{\"images\":[{\"image\":\"ghcr.io/a/b:1\",\"target\":\"r.local/a/b:1\"}]}\n");
}

}  // namespace
