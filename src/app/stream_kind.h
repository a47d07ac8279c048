#pragma once
// Which kind of stream it is that the settings ask for.

#include <memory>
#include <string>

#include "app/node.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "io/clock.h"
#include "io/file.h"
#include "stream/kafka/kafka_options.h"
#include "stream/log/log_stream.h"
#include "stream/stream.h"

namespace millrace {

LogOptions log_options(const SettingValues& values, const std::string& data, const Node& node);
KafkaOptions kafka_options(const SettingValues& values, const std::string& data, const Node& node);

KafkaClientOptions kafka_client_options(const SettingValues& values);
// Of the topic that other programs write.
KafkaClientOptions source_options(const SettingValues& values);

// The stream of a server, whose folder the caller has locked. The checkpoints in it say how far the log must reach.
// `files`, `clock` and `metrics` must outlive it.
Result<std::unique_ptr<Stream>> open_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                            const SettingValues& values, const std::string& data, const Node& node);

}  // namespace millrace
