// Prints every object that the platform can write as one JSON line: {"path": the path to POST it
// to, "content": the object}. test/conformance/manifests.py sends them to a real API server.

#include <cstdio>

#include "json/json.hpp"
#include "test/wire/every_manifest.hpp"

namespace {

void print(const std::vector<tests::written_object>& all) {
    for (const auto& object : all) {
        const json::object line{{"path", object.resource.path("dbaas-t")},
                                {"content", object.content}};
        std::puts(json::serialize(line).c_str());
    }
}

void print_database(const tests::written_database& database) {
    print({tests::object_of(database)});
    print(tests::dependent_objects_of(database));
}

// Returns the database paused, with a storage class: members that a default object does not have.
tests::written_database paused(tests::written_database database) {
    database.record.paused = true;
    for (auto& group : database.record.topology.groups) group.storage.storage_class = "fast";
    return database;
}

}  // namespace

int main() {
    for (const auto& database : tests::every_database()) {
        print_database(database);
        print_database(paused(database));
        for (const auto change : tests::every_change)
            print(tests::change_requests_of(database, change));
    }
}
