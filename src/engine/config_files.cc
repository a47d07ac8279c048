#include "engine/config_files.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

// Parts of so many bytes are written with ZSTD, smaller ones with LZ4: a merge will read those again soon, and most of
// what an insert costs is packing.
constexpr std::uint64_t kPackedPartBytesMin = 128 << 20;

// Parts are merged once so many of a size are there (the engine's own default is 5). Merges cost more than inserts, so
// a row should be in few of them; a question reads half as many parts more. docs/performance-store.md has the figures.
constexpr int kMergedPartsMin = 16;

}  // namespace

// Nothing is fsynced by the engine: the processor's syncfs makes all of it durable at each checkpoint. Parts that a
// power cut damaged are set aside, however many, since what is missing is read again from the log.
std::string server_config(const EngineBudget& budget, const std::string& users_path) {
  std::uint64_t cache = std::max<std::uint64_t>(budget.memory_bytes_max / 16, 16 << 20);
  return fmt::format(R"(<clickhouse>
  <users_config>{users}</users_config>
  <logger><level>none</level><console>0</console></logger>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{cache}</mark_cache_size>
  <primary_index_cache_size>{cache}</primary_index_cache_size>
  <index_mark_cache_size>{cache}</index_mark_cache_size>
  <vector_similarity_index_cache_size>0</vector_similarity_index_cache_size>
  <text_index_tokens_cache_size>0</text_index_tokens_cache_size>
  <text_index_header_cache_size>0</text_index_header_cache_size>
  <text_index_postings_cache_size>0</text_index_postings_cache_size>
  <background_pool_size>{threads}</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>{schedule}</background_schedule_pool_size>
  <max_active_parts_loading_thread_pool_size>{threads}</max_active_parts_loading_thread_pool_size>
  <max_outdated_parts_loading_thread_pool_size>{threads}</max_outdated_parts_loading_thread_pool_size>
  <max_parts_cleaning_thread_pool_size>{threads}</max_parts_cleaning_thread_pool_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <compression><case>
    <min_part_size>{packed}</min_part_size><min_part_size_ratio>0</min_part_size_ratio>
    <method>zstd</method><level>1</level>
  </case></compression>
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
  <merge_tree>
    <max_suspicious_broken_parts>1000000</max_suspicious_broken_parts>
    <max_suspicious_broken_parts_bytes>1000000000000000</max_suspicious_broken_parts_bytes>
    <min_free_disk_bytes_to_perform_insert>268435456</min_free_disk_bytes_to_perform_insert>
    <parts_to_delay_insert>1000</parts_to_delay_insert>
    <parts_to_throw_insert>3000</parts_to_throw_insert>
    <fsync_after_insert>0</fsync_after_insert>
    <fsync_part_directory>0</fsync_part_directory>
    <non_replicated_deduplication_window>0</non_replicated_deduplication_window>
    <merge_selector_base>{merged}</merge_selector_base>
  </merge_tree>
</clickhouse>
)",
                     fmt::arg("users", users_path), fmt::arg("memory", budget.memory_bytes_max),
                     fmt::arg("cache", cache), fmt::arg("threads", budget.threads),
                     fmt::arg("schedule", budget.threads + 2), fmt::arg("packed", kPackedPartBytesMin),
                     fmt::arg("merged", kMergedPartsMin));
}

// precise_float_parsing: a merge that fills a column of numbers gives what a question would.
// http_max_tries: without sockets a URL fails at once, but the engine would retry for minutes. log_comment is constant
// for statements because it carries the mark by which a running query is found and stopped.
std::string users_config(const EngineBudget& budget) {
  return fmt::format(R"(<clickhouse>
  <profiles><default>
    <max_memory_usage>{query_memory}</max_memory_usage>
    <max_threads>{threads}</max_threads>
    <async_insert>0</async_insert>
    <insert_deduplicate>0</insert_deduplicate>
    <deduplicate_insert>disable</deduplicate_insert>
    <deduplicate_insert_select>disable</deduplicate_insert_select>
    <deduplicate_blocks_in_dependent_materialized_views>0</deduplicate_blocks_in_dependent_materialized_views>
    <fsync_metadata>0</fsync_metadata>
    <precise_float_parsing>1</precise_float_parsing>
    <http_max_tries>1</http_max_tries>
    <log_queries>0</log_queries>
    <allow_introspection_functions>0</allow_introspection_functions>
    <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
    <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
    <constraints>
      <max_memory_usage><min>1</min><max>{memory}</max></max_memory_usage>
      <max_threads><min>1</min><max>{threads_max}</max></max_threads>
      <async_insert><readonly/></async_insert>
      <http_max_tries><readonly/></http_max_tries>
      <log_comment><readonly/></log_comment>
      <allow_introspection_functions><readonly/></allow_introspection_functions>
    </constraints>
  </default></profiles>
  <roles>
    <internal><grants>
      <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, KILL QUERY, SYSTEM, dictGet ON *.*</query>
      <query>GRANT TABLE ENGINE ON *</query>
    </grants></internal>
    <public><grants>
      <query>GRANT SHOW, SELECT, CHECK, dictGet, INSERT, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE ON *.*</query>
      <query>REVOKE INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE ON millrace.*</query>
      <query>REVOKE INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE ON system.*</query>
    </grants></public>
  </roles>
  <users><default>
    <password></password>
    <profile>default</profile>
    <networks><ip>::/0</ip></networks>
    <grants><query>GRANT internal</query><query>GRANT public</query></grants>
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>
)",
                     fmt::arg("query_memory", budget.memory_bytes_max / 2), fmt::arg("memory", budget.memory_bytes_max),
                     fmt::arg("threads", budget.threads), fmt::arg("threads_max", budget.threads * 4));
}

}  // namespace millrace::engine
