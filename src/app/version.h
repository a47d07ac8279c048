#pragma once
// The program's version: what --version, /v1/health and the API's description say.

namespace millrace {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace millrace
