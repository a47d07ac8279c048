#pragma once
// What is special about OpenSSL here. Private to this folder.

#include <string>

struct ssl_st;

namespace millrace::http {

// Reads and writes `fd` with MSG_NOSIGNAL: OpenSSL's own socket BIO raises SIGPIPE when the peer has gone.
bool attach_socket(ssl_st* ssl, int fd);
// The peer's certificate must be for this host name or address.
bool expect_host(ssl_st* ssl, const std::string& host);
void clear_tls_errors();
// `what`, with the reasons on OpenSSL's queue of errors, which is emptied.
std::string tls_failure(const std::string& what);

}  // namespace millrace::http
