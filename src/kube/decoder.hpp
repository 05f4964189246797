#pragma once
// Reads what the API server writes about many objects: pages of a LIST and events of a WATCH.
// The hot path of every informer: simdjson, one pass, objects as slices of the text. Owned by one
// reflector (it keeps simdjson's buffers between calls).

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "kube/object_meta.hpp"

namespace kube {

enum class event_kind : std::uint8_t { upserted, deleted, bookmark, error };

struct watch_event {
    event_kind kind = event_kind::error;
    object_meta meta{};                // not of an error
    std::string_view object{};         // as it was sent; lives as long as the frame
    bool ends_initial_events = false;  // bookmark: what was there at first has been sent (KEP-3157)
};

struct page_end {
    std::string resource_version{};
    std::string continue_token{};
};

class decoder {
  public:
    using take_item = std::function<void(const object_meta&, std::string_view object)>;

    decoder();
    ~decoder();

    // `frame` must have frame_buffer::padding readable bytes behind it. Failure: corrupt. An
    // unknown type is corrupt, too: not knowing what it does, we cannot say that we are up to date.
    base::outcome<watch_event> read_event(std::string_view frame);
    // Calls `take` for each item. Failure: corrupt; some items may have been taken then.
    base::outcome<page_end> read_page(std::string text, const take_item& take);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace kube
