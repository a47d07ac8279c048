#include "engine/settings.h"

#include <algorithm>

namespace millrace::engine {
namespace {

constexpr std::string_view kAllowed[] = {
    "input_format_*",
    "output_format_*",
    "date_time_input_format",
    "date_time_output_format",
    "format_csv_delimiter",
    "format_csv_allow_single_quotes",
    "format_csv_allow_double_quotes",
    "format_csv_null_representation",
    "format_tsv_null_representation",
    "session_timezone",
    "extremes",
    "rows_before_aggregation",
    // how much a query may take
    "max_execution_time",
    "max_threads",
    "max_memory_usage",
    "max_block_size",
    "max_insert_block_size",
    "max_insert_threads",
    "min_insert_block_size_rows",
    "min_insert_block_size_bytes",
    "max_result_rows",
    "max_result_bytes",
    "result_overflow_mode",
    "max_rows_to_read",
    "max_bytes_to_read",
    "read_overflow_mode",
    "timeout_overflow_mode",
    "max_rows_to_group_by",
    "group_by_overflow_mode",
    "max_rows_to_sort",
    "max_bytes_to_sort",
    "sort_overflow_mode",
    "max_rows_in_set",
    "max_rows_in_join",
    "max_bytes_in_join",
    "join_overflow_mode",
    "max_bytes_before_external_group_by",
    "max_bytes_before_external_sort",
    "max_query_size",
    "max_ast_depth",
    "max_partitions_per_insert_block",
    "limit",
    "offset",
    // what it means
    "join_use_nulls",
    "join_algorithm",
    "union_default_mode",
    "final",
    "do_not_merge_across_partitions_select_final",
    "optimize_move_to_prewhere",
    "optimize_use_projections",
    "use_query_condition_cache",
    "force_primary_key",
    "force_index_by_date",
    "count_distinct_implementation",
    "prefer_column_name_to_alias",
    "transform_null_in",
    "cast_keep_nullable",
    "allow_experimental_json_type",
    "allow_experimental_variant_type",
    "allow_experimental_dynamic_type",
    "allow_suspicious_low_cardinality_types",
    "flatten_nested",
    "data_type_default_nullable",
    "mutations_sync",
    "alter_sync",
    "lightweight_deletes_sync",
    "insert_null_as_default",
    "throw_if_no_data_to_insert",
    "optimize_throw_if_noop",
    "database_atomic_wait_for_drop_and_detach_synchronously",
};

constexpr std::string_view kInterface[] = {
    "query",
    "database",
    "user",
    "password",
    "default_format",
    "query_id",
    "enable_http_compression",
    "wait_end_of_query",
    "buffer_size",
    "compress",
    "decompress",
    "session_timeout",
    "session_check",
    "role",
    "quota_key",
    "client_protocol_version",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "http_write_exception_in_output_format",
    "cancel_http_readonly_queries_on_client_close",
    "http_zlib_compression_level",
    "add_http_cors_header",
    "async_insert",
    "wait_for_async_insert",
    "log_queries",
    "session_id",
    "readonly",
    "insert_deduplication_token",
    "stacktrace",
    "http_response_buffer_size",
};

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.back() != '*') return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (char c : text) {
    if (c == mark || c == '\\') quoted += '\\';
    if (c == '\0') {
      quoted += "\\0";
    } else {
      quoted += c;
    }
  }
  return quoted + mark;
}

}  // namespace

std::span<const std::string_view> allowed_settings() { return kAllowed; }

bool is_allowed_setting(std::string_view name) {
  return std::any_of(std::begin(kAllowed), std::end(kAllowed), [&](std::string_view p) { return matches(p, name); });
}

bool is_interface_parameter(std::string_view name) {
  return name.starts_with("param_") ||
         std::find(std::begin(kInterface), std::end(kInterface), name) != std::end(kInterface);
}

std::string quote_string(std::string_view text) { return quote(text, '\''); }
std::string quote_name(std::string_view name) { return quote(name, '`'); }

}  // namespace millrace::engine
