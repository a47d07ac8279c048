#pragma once
// Keys, events, views and dashboards belong to a project.

namespace millrace {

// The server's own: of its first keys, its configuration's views, and the topics that it reads. Whoever has the scope
// admin in it runs the server, and so may ask for what tells of all projects.
inline constexpr const char* kOwnProject = "default";

}  // namespace millrace
