#pragma once
// DELETE of one object and of a collection: reads the options, checks preconditions, and hands the
// objects to the garbage collector. Belongs to the thread of the object store.

#include "devcluster/apiserver/garbage_collector.hpp"
#include "devcluster/apiserver/objects.hpp"
#include "devcluster/apiserver/request_info.hpp"
#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {

class object_deletes {
  public:
    object_deletes(const object_store& objects, garbage_collector& collector)
        : objects_(objects), collector_(collector) {}

    write_result delete_object(const request_info& info, const http::request& incoming);
    write_result delete_collection(const request_info& info, const http::request& incoming);

  private:
    const object_store& objects_;
    garbage_collector& collector_;
};

}  // namespace apiserver
