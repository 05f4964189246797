#include "api/audit/audit_csv.hpp"

#include <gtest/gtest.h>

namespace {

TEST(audit_csv, has_a_column_for_each_name_of_the_header) {
    EXPECT_EQ(api::audit_csv_header(),
              "at,id,outcome,action,actor,via,project,object,request_id,address,user_agent,"
              "request_digest,etag,chain,status,seq,hash,signature,kind\r\n");
    EXPECT_EQ(api::audit_csv_lines({R"({"id":"au-1","at":"2026-11-29T11:21:40Z","seq":12,)"
                                    R"("action":"login","status":401,"hash":"00"})"}),
              "2026-11-29T11:21:40Z,au-1,,login,,,,,,,,,,,401,12,00,,\r\n");
}

TEST(audit_csv, quotes_values_and_disarms_formulas) {
    EXPECT_EQ(api::audit_csv_lines({R"({"actor":"a,\"b\"","project":"=1+1","object":"-x,y"})"}),
              ",,,,\"a,\"\"b\"\"\",,'=1+1,\"'-x,y\",,,,,,,,,,,\r\n");
}

TEST(audit_csv, has_empty_values_for_a_row_that_does_not_parse) {
    EXPECT_EQ(api::audit_csv_lines({"[1]", "{"}), ",,,,,,,,,,,,,,,,,,\r\n,,,,,,,,,,,,,,,,,,\r\n");
    EXPECT_EQ(api::audit_csv_lines({}), "");
}

}  // namespace
