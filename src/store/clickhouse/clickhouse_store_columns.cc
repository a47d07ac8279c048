// How properties that are asked about get columns; see kept_property.h.
#include <algorithm>

#include "base/log.h"
#include "store/clickhouse/clickhouse_store.h"
#include "store/clickhouse/schema.h"

namespace millrace {

using clickhouse::KeptProperty;

Result<void> ClickHouseStore::load_kept() {
  MR_ASSIGN(std::vector<KeptProperty> kept,
            clickhouse::kept_properties([this](const std::string& sql) { return change(sql); }, options_.database));
  keeper_.set_kept(std::move(kept));
  return {};
}

// An insert that was refused may have named a column that somebody dropped. Declared ones are made again, the others
// are done without; the next try goes by what there is. The refusal itself is the error that is told.
void ClickHouseStore::look_at_columns() {
  auto run = [this](const std::string& sql) { return change(sql); };
  if (clickhouse::declare(run, layout_, options_.declared).ok()) (void)load_kept().ok();
}

// The body of the thread.
void ClickHouseStore::keep_properties() {
  while (std::optional<KeptProperty> property = keeper_.next()) {
    std::string name = property->name;
    Result<void> kept = keep_property(std::move(*property));
    if (!kept.ok()) {
      log_warning("a property that is asked about gets no column",
                  {{"property", name}, {"reason", kept.error().message}});
    }
  }
}

Result<void> ClickHouseStore::keep_property(KeptProperty property) {
  auto run = [this](const std::string& sql) { return change(sql); };
  auto kept = keeper_.kept();
  if (std::find(kept->begin(), kept->end(), property) != kept->end()) {
    return clickhouse::fill_kept(run, layout_, property);
  }
  if (property.kind == KeptProperty::Kind::kText) {
    MR_ASSIGN(property.few, clickhouse::has_few_values(run, layout_, property));
  }
  MR_TRY(clickhouse::keep(run, layout_, property));
  MR_TRY(load_kept());
  log_info("a property that is asked about gets a column",
           {{"property", property.name}, {"column", clickhouse::kept_column(property)}});
  return clickhouse::fill_kept(run, layout_, property);
}

}  // namespace millrace
