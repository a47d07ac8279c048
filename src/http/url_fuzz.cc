// Any text as the address of a server, which comes from the configuration: no crash, and what is taken names a host
// and a port.
//
// dictionary: http
// bytes_max: 256
// covers: src/http/url.cc src/http/listen.cc
#include "base/check.h"
#include "http/listen.h"
#include "http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace::http;
  std::string text(reinterpret_cast<const char*>(data), size);
  auto url = parse_url(text);
  if (url.ok() && url->unix_path.empty() && !text.starts_with("unix:")) {
    MR_CHECK(!url->host.empty() && !url->port.empty() && !url->host_field.empty());
    MR_CHECK(url->host_field.find('@') == std::string::npos && (url->path.empty() || url->path.front() == '/'));
    MR_CHECK(url->host_field.find_first_of("\r\n") == std::string::npos &&
             url->path.find_first_of("\r\n ") == std::string::npos);
  }
  if (!url.ok())
    MR_CHECK(text.size() < 8 || url.error().message.find(text) == std::string::npos);  // it may hold a password
  std::string host, port;
  if (split_host_port(text, host, port)) MR_CHECK(host.size() + port.size() < text.size());
  return 0;
}
