#include "mongo/driver_library.hpp"

#include <mongoc/mongoc.h>

namespace mongo {

void start_driver_library() {
    static const bool is_started = [] {
        mongoc_init();
        mongoc_log_set_handler(nullptr, nullptr);
        return true;
    }();
    (void)is_started;
}

}  // namespace mongo
