#pragma once
// The one coroutine type: task<T> ends with an outcome<T> and does not throw, so deadlines and
// races see a failure as soon as it happens. Only this header of Asio is needed by code that merely
// returns or awaits tasks.

#include <boost/asio/awaitable.hpp>

#include "base/failure.hpp"

namespace aio {

template <class T = void>
using task = boost::asio::awaitable<base::outcome<T>>;

}  // namespace aio
