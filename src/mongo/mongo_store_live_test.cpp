#include "mongo/mongo_store.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "test/support/document_archive_contract.hpp"
#include "test/support/document_store_contract_load.hpp"
#include "test/support/mongo_test_server.hpp"

namespace {

obs::registry& registry() {
    static obs::registry all;
    return all;
}

// The server that most tests share, each with its own database.
fakes::mongo_test_server& shared_server() {
    static fakes::mongo_test_server server;
    return server;
}

std::string new_database() {
    static std::atomic<int> count{0};
    return "test_" + std::to_string(++count);
}

std::unique_ptr<ports::document_archive> make_store() {
    if (!fakes::mongo_test_server::is_installed()) return nullptr;
    auto store = mongo::open_store({.url = base::secret(shared_server().url(new_database()))},
                                   obs::null_log(), registry());
    if (!store) ADD_FAILURE() << store.error().text;
    return store ? std::move(*store) : nullptr;
}

}  // namespace

namespace fakes {
INSTANTIATE_TEST_SUITE_P(mongo, document_archive_contract, ::testing::Values(make_store));
INSTANTIATE_TEST_SUITE_P(mongo, document_store_contract, ::testing::Values(make_store));
}  // namespace fakes
