// Prints every object that the platform can write, one JSON line each: {"path": where it would be
// POSTed, "content": what}. test/conformance/manifests.py shows them to a real API server.

#include <boost/json/serialize.hpp>
#include <cstdio>

#include "test/wire/every_manifest.hpp"

namespace {

void print(const std::vector<tests::written_object>& all) {
    for (const auto& each : all) {
        const boost::json::object line{{"path", each.what.path("dbaas-t")},
                                       {"content", each.content}};
        std::puts(boost::json::serialize(line).c_str());
    }
}

}  // namespace

int main() {
    for (const auto& database : tests::every_database()) {
        print({tests::object_of(database)});
        print(tests::companions_of(database));
        for (const auto change : tests::every_change) print(tests::change_of(database, change));
    }
}
