#pragma once
// The addresses that the client understands. Private to this folder.

#include <string>

#include "base/result.h"

namespace millrace::http {

struct Url {
  bool tls = false;
  std::string unix_path;  // instead of host and port
  std::string host;
  std::string port;
  std::string authorization;  // "Basic …", or empty
  std::string path;           // put before every target; without a slash at its end
  std::string host_field;     // what the Host header says
};

Result<Url> parse_url(const std::string& text);
std::string base64(std::string_view bytes);

}  // namespace millrace::http
