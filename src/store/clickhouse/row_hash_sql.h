#pragma once
// model/row_hash.h, computed by the store.

namespace millrace::clickhouse {

inline constexpr const char* kRowHash =
    "xxh3(concat(toString(project), char(31), toString(event), char(31), user_id, char(31), anonymous_id, char(31), "
    "session_id, char(31), "
    "message_id, char(31), properties, char(31), context, char(31), toString(toUnixTimestamp64Nano(time)), char(31), "
    "toString(toUnixTimestamp64Nano(sent)), char(31), toString(toUnixTimestamp64Nano(received)), char(31), "
    "toString(generation), char(31), "
    "toString(`partition`), char(31), toString(sequence), char(31)))";

}  // namespace millrace::clickhouse
