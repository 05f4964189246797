#include "app/audit/audit_chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using app::audit_outcome;
const base::instant start{std::chrono::seconds(1'763'994'600)};

class audit_verifier : public testing::Test {
  protected:
    void SetUp() override {
        for (int i = 1; i <= 5; ++i) add(first_);
        lines_.push_back(
            second_.append(app::audit_checkpoint, {{first_.name(), first_.head()}}, start));
        for (int i = 1; i <= 3; ++i) add(second_);
        end();
    }
    void add(app::audit_chain& chain) {
        lines_.push_back(chain.append({.id = "au-1",
                                       .outcome = audit_outcome::success,
                                       .action = "create_database",
                                       .actor = "ada"},
                                      start));
    }
    void end() {
        lines_.push_back(app::encode_export_end(
            {{first_.name(), first_.head()}, {second_.name(), second_.head()}}));
    }
    std::vector<std::string> problems() {
        app::audit_verifier verifier;
        for (const auto& line : lines_) verifier.add(line);
        return verifier.finish().problems;
    }
    app::audit_chain first_{"one"};
    app::audit_chain second_{"two"};
    std::vector<std::string> lines_;
};

TEST_F(audit_verifier, accepts_an_untouched_export) {
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_verifier, detects_each_change_of_a_character) {
    const auto original = lines_[2];
    for (std::size_t i = 0; i < original.size(); ++i) {
        lines_[2] = original;
        lines_[2][i] = lines_[2][i] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(problems().empty()) << i;
    }
}

TEST_F(audit_verifier, detects_a_deleted_row) {
    lines_.erase(lines_.begin() + 2);
    EXPECT_EQ(problems(), std::vector<std::string>{"rows 3 to 3 of chain one are missing"});
}

TEST_F(audit_verifier, detects_the_deletion_of_the_first_rows) {
    lines_.erase(lines_.begin(), lines_.begin() + 2);
    EXPECT_EQ(problems(), std::vector<std::string>{"rows 1 to 2 of chain one are missing"});
}

TEST_F(audit_verifier, detects_reordered_rows) {
    std::swap(lines_[1], lines_[2]);
    EXPECT_FALSE(problems().empty());
}

TEST_F(audit_verifier, detects_a_truncated_tail) {
    lines_.erase(lines_.end() - 2);
    EXPECT_EQ(problems(), std::vector<std::string>{"rows 4 to 4 of chain two are missing"});
    lines_.pop_back();
    EXPECT_EQ(problems().size(), 1U);
}

TEST_F(audit_verifier, detects_a_store_without_the_ends_of_the_chains) {
    lines_.back() = app::encode_export_end({});
    EXPECT_EQ(problems(),
              std::vector<std::string>{"the store does not have the ends of the chains, so that "
                                       "rows may be missing"});
}

TEST_F(audit_verifier, reports_that_an_empty_store_has_no_rows) {
    app::audit_verifier verifier;
    verifier.add(app::encode_export_end({}));
    const auto report = verifier.finish();
    EXPECT_EQ(report.rows, 0U);
    EXPECT_EQ(report.problems, std::vector<std::string>{});
}

TEST_F(audit_verifier, detects_the_deletion_of_a_whole_chain_by_a_checkpoint_of_another_one) {
    lines_.erase(lines_.begin(), lines_.begin() + 5);
    lines_.back() = app::encode_export_end({{second_.name(), second_.head()}});
    EXPECT_EQ(problems(), std::vector<std::string>{"rows 1 to 5 of chain one are missing"});
}

TEST_F(audit_verifier, detects_a_tail_that_was_written_again) {
    app::audit_chain forged("one");
    std::vector<std::string> forged_lines;
    for (int i = 0; i < 5; ++i) {
        forged_lines.push_back(forged.append({.id = "au-1", .action = "nothing"}, start));
    }
    std::ranges::copy(forged_lines, lines_.begin());
    EXPECT_FALSE(problems().empty());
}

TEST_F(audit_verifier, accepts_rows_deleted_by_the_retention_and_no_others) {
    lines_.pop_back();
    // The retention deletes the first two rows of the chain "one".
    const auto row = lines_[1];
    const auto hash = row.substr(row.size() - 66, 64);
    lines_.push_back(
        second_.append(app::audit_retention, {{"one", {.seq = 2, .hash = hash}}}, start));
    end();
    lines_.erase(lines_.begin(), lines_.begin() + 2);
    EXPECT_EQ(problems(), std::vector<std::string>{});
    lines_.erase(lines_.begin());
    EXPECT_FALSE(problems().empty());
}

class signed_audit_chain : public testing::Test {
  protected:
    void add() { lines_.push_back(chain_.append({.id = "au-1", .action = "login"}, start)); }
    std::vector<std::string> problems(const app::shared_sealer& sealer) {
        app::audit_verifier verifier(sealer);
        for (const auto& line : lines_) verifier.add(line);
        verifier.add(app::encode_export_end({{chain_.name(), chain_.head()}}));
        return verifier.finish().problems;
    }
    static app::shared_sealer sealer_of(char c) {
        return std::make_shared<const token::sealer>(
            base::secret(std::string(token::platform_key_bytes, c)));
    }
    app::shared_sealer sealer_ = sealer_of('a');
    app::audit_chain chain_{"one", sealer_};
    std::vector<std::string> lines_;
};

TEST_F(signed_audit_chain, is_verified_with_the_key_and_without_it) {
    for (int i = 0; i < 3; ++i) add();
    EXPECT_EQ(problems(sealer_), std::vector<std::string>{});
    EXPECT_EQ(problems({}), std::vector<std::string>{});
}

TEST_F(signed_audit_chain, detects_a_log_that_was_computed_without_the_key) {
    for (int i = 0; i < 2; ++i) add();
    for (const auto& forger : {app::shared_sealer{}, sealer_of('b')}) {
        chain_ = app::audit_chain("one", forger);
        lines_.clear();
        for (int i = 0; i < 2; ++i) add();
        EXPECT_EQ(problems({}), std::vector<std::string>{});
        EXPECT_FALSE(problems(sealer_).empty());
    }
}

TEST_F(signed_audit_chain, detects_each_change_of_a_character) {
    for (int i = 0; i < 2; ++i) add();
    const auto original = lines_[0];
    for (std::size_t i = 0; i < original.size(); ++i) {
        lines_[0] = original;
        lines_[0][i] = lines_[0][i] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(problems(sealer_).empty()) << i;
    }
}

TEST_F(signed_audit_chain, counts_the_rows_without_a_signature) {
    chain_ = app::audit_chain("one");
    for (int i = 0; i < 2; ++i) add();
    EXPECT_EQ(problems(sealer_), std::vector<std::string>{"2 rows of chain one have no signature"});
}

TEST(audit_chain, keeps_texts_of_clients_from_looking_like_rows) {
    app::audit_chain chain("one");
    const auto line =
        chain.append({.id = "au-1",
                      .action = "login",
                      .actor = "eve\"},\n{\"actor\":\"admin",
                      .user_agent = std::string("x\r\n\0\x1b[31m\xff\xe2\x80\xa8", 14)},
                     start);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(std::ranges::count_if(line, [](char c) { return c < 0x20 || c >= 0x7f; }), 0);
    app::audit_verifier verifier;
    verifier.add(line);
    verifier.add(app::encode_export_end({{"one", chain.head()}}));
    const auto report = verifier.finish();
    EXPECT_EQ(report.rows, 1U);
    EXPECT_TRUE(report.problems.empty());
}

}  // namespace
