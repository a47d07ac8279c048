#pragma once
// The page that people see: an exact list of paths, each answered from bytes that are compiled in. Needs no key: what
// it shows comes from the API, with a session.

#include <memory>
#include <vector>

#include "app/router.h"
#include "http/server.h"

namespace millrace {

// Routes of the page and of everything that it is made of.
std::vector<Route> page_routes();

// What every answer of the page says to browsers: nothing from elsewhere, nothing inline, in no frame.
void add_page_headers(http::Response& response);

}  // namespace millrace
