#include "api/middleware/credential_query.hpp"

#include <gtest/gtest.h>

#include "app/identity/key_registry.hpp"

namespace {

TEST(has_credential, knows_every_spelling_of_a_name) {
    for (const auto* query : {"access_token=x",
                              "limit=1&token=x",
                              "accessToken=x",
                              "ACCESS_TOKEN=x",
                              "access-token=x",
                              "api_key=x",
                              "apikey=x",
                              "API-Key=x",
                              "X-Api-Key=x",
                              "key=x",
                              "jwt=x",
                              "password=x",
                              "Passwd=x",
                              "pwd=x",
                              "secret=x",
                              "client_secret=x",
                              "Authorization=Bearer+x",
                              "bearer=x",
                              "id_token=x",
                              "refresh_token=x",
                              "token",
                              "token[]=x",
                              "%74oken=x",
                              "acc%65ss%5Ftoken=x",
                              "api%2Dkey=x",
                              "&&token=x",
                              "auth=x",
                              "session_id=x"}) {
        EXPECT_TRUE(api::has_credential(query)) << query;
    }
}

TEST(has_credential, finds_a_key_in_a_value) {
    const auto key = app::key_registry::new_key_text().reveal();
    EXPECT_TRUE(api::has_credential("q=" + key));
    EXPECT_TRUE(api::has_credential("limit=1&label=a%3D" + key));
    EXPECT_TRUE(api::has_credential("q=%64bk_" + key.substr(4)));
    EXPECT_TRUE(api::has_credential(key));
}

TEST(has_credential, is_false_for_the_parameters_of_the_routes) {
    for (const auto* query :
         {"", "&", "=", "project=shop&engine=redis&name=token&q=password&status=ready", "label=key",
          "label=token%3Dx", "sort=name&limit=1&cursor=abc", "code=x&state=y&iss=z&session_state=w",
          "actor=ada&action=log_in&from=x&to=y", "lastEventId=1-2", "dry_run=true",
          "metric=keys&step=10", "tokens=x", "monkey=x", "%ZZ=x", "return_to=/docs"}) {
        EXPECT_FALSE(api::has_credential(query)) << query;
    }
}

}  // namespace
