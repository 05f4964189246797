// k8s/rbac.yaml names every resource that the dialects make the platform ask for.

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "kubedb/engine_dialect.hpp"

namespace {

// Returns the alphanumeric words of the file. Every resource is one, in all list styles of YAML.
std::set<std::string> words_of_the_rules() {
    std::ifstream file(KUBEDB_RULES);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::set<std::string> words;
    std::string word;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            word += c;
        } else {
            words.insert(std::exchange(word, {}));
        }
    }
    return words;
}

TEST(rules, contain_every_resource_of_every_engine) {
    const auto words = words_of_the_rules();
    ASSERT_TRUE(words.contains("secrets")) << KUBEDB_RULES;
    for (const auto* dialect : kubedb::all_dialects()) {
        const auto& each = dialect->kind();
        EXPECT_TRUE(words.contains(std::string(each.plural))) << each.plural;
        EXPECT_TRUE(words.contains(each.ops_plural())) << each.ops_plural();
        EXPECT_TRUE(words.contains(each.version_plural())) << each.version_plural();
        if (each.dependent.plural.empty()) continue;
        EXPECT_TRUE(words.contains(std::string(each.dependent.plural))) << each.dependent.plural;
    }
}

}  // namespace
