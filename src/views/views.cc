#include "views/views.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "model/project.h"
#include "views/field_hash.h"

namespace millrace {

namespace {

// What a view is told by from all others, in snapshots as well: its declaration, and if its project is another than
// kOwnProject, the only one that there was at first, a line end and that.
std::string view_identity(const ViewSpec& spec) {
  bool first = spec.project.empty() || spec.project == kOwnProject;
  return first ? spec.json : spec.json + '\n' + spec.project;
}

}  // namespace

std::uint64_t view_id(const ViewSpec& spec) { return field_hash(spec.name + '\n' + view_identity(spec)); }

PartitionViews::PartitionViews(Views& views, PartitionId partition, std::vector<DeclaredField> declared)
    : views_(views), partition_(partition), reader_(std::move(declared)) {}

PartitionViews::Lane PartitionViews::make_lane(ViewSpecPtr spec) {
  Lane lane;
  lane.state = std::make_unique<ViewState>(*spec, reader_, views_.limits().bytes_max);
  lane.spec = std::move(spec);
  lane.incarnation = ++incarnations_;
  return lane;
}

// For each view: u32 bytes of its identity, that; u64 bytes of its state, that; u64 missing; u64 before.
std::string PartitionViews::encode() const {
  std::string bytes;
  for (const Lane& lane : lanes_) {
    if (!lane.live) {
      continue;
    }
    std::string identity = view_identity(*lane.spec);
    append_le(bytes, static_cast<std::uint32_t>(identity.size()));
    bytes.append(identity);
    std::size_t size_at = bytes.size();
    append_le(bytes, std::uint64_t{0});
    lane.state->append_to(bytes);
    store_le(bytes.data() + size_at, static_cast<std::uint64_t>(bytes.size() - size_at - 8));
    append_le(bytes, lane.missing);
    append_le(bytes, lane.before);
  }
  return bytes;
}

void PartitionViews::let_go() {
  lanes_.clear();
  owner_ = Epoch();
  audit_ = Audit();
}

void PartitionViews::put_lane(Lane lane) {
  auto found = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& one) { return one.spec == lane.spec; });
  if (found != lanes_.end()) {
    *found = std::move(lane);
  }
}

void PartitionViews::begin(std::string_view snapshot, SequenceNumber position, Epoch owner) {
  owner_ = owner;
  lanes_.clear();
  synced_ = 0;
  sync();
  ByteReader reader(snapshot);
  while (reader.ok() && !reader.rest().empty()) {
    std::string_view identity = reader.take(reader.number<std::uint32_t>());
    std::string_view state = reader.take(reader.number<std::uint64_t>());
    auto missing = reader.number<std::uint64_t>();
    auto before = reader.number<std::uint64_t>();
    auto found = std::find_if(lanes_.begin(), lanes_.end(),
                              [&](const Lane& lane) { return view_identity(*lane.spec) == identity; });
    if (!reader.ok() || found == lanes_.end()) {
      continue;
    }
    if (Result<void> read = found->state->read(state); !read.ok()) {
      log_warning("a view's state in a snapshot can't be used, it is built from the log again",
                  {{"view", found->spec->name}, {"reason", read.error().message}});
      *found = make_lane(found->spec);
      continue;
    }
    found->position = position;
    found->missing = missing;
    found->before = before;
  }
}

bool PartitionViews::stale() const { return views_.version() != synced_; }

void PartitionViews::sync() {
  synced_ = views_.version();
  std::vector<ViewSpecPtr> specs = views_.list();
  std::erase_if(lanes_,
                [&](const Lane& lane) { return std::find(specs.begin(), specs.end(), lane.spec) == specs.end(); });
  for (const ViewSpecPtr& spec : specs) {
    auto has = [&](const Lane& lane) { return lane.spec == spec; };
    if (std::none_of(lanes_.begin(), lanes_.end(), has)) {
      lanes_.push_back(make_lane(spec));
    }
  }
}

std::optional<SequenceNumber> PartitionViews::behind() const {
  std::optional<SequenceNumber> lowest;
  for (const Lane& lane : lanes_) {
    if (!lane.live && (!lowest || lane.position < *lowest)) {
      lowest = lane.position;
    }
  }
  return lowest;
}

void PartitionViews::begin_record(SequenceNumber from, TimeNs received, bool live) {
  open_.clear();
  open_lanes_.clear();
  live_record_ = live;
  for (Lane& lane : lanes_) {
    if (lane.live == live && (live || lane.position == from)) {
      lane.state->advance(received);
      open_.push_back(lane.state.get());
      open_lanes_.push_back(&lane);
    }
  }
}

void PartitionViews::fold(const EventView& event, SequenceNumber place) {
  if (live_record_ && views_.tail().watched()) {
    views_.tail().offer(event, partition_, place);
  }
  if (open_.empty()) {
    return;
  }
  const FieldValue* fields = reader_.read(event);
  for (ViewState* state : open_) {
    state->fold(event, fields);
  }
}

void PartitionViews::end_record(SequenceNumber until) {
  for (Lane* lane : open_lanes_) {
    lane->position = until;
  }
}

void PartitionViews::skip(SequenceNumber from, SequenceNumber until, std::uint64_t rows, bool live) {
  for (Lane& lane : lanes_) {
    if (lane.live == live && (live || lane.position == from)) {
      lane.position = until;
      lane.missing += rows;
    }
  }
}

void PartitionViews::go_live(SequenceNumber position) {
  for (Lane& lane : lanes_) {
    if (!lane.live && lane.position >= position) {
      lane.live = true;
      lane.position = position;
      log_info("a view is live", {{"view", lane.spec->name}, {"rows", lane.state->rows()}});
    }
  }
}

void PartitionViews::start_late(SequenceNumber begin, TimeNs received, std::uint64_t rows) {
  for (Lane& lane : lanes_) {
    if (!lane.live && lane.position < begin) {
      lane = make_lane(lane.spec);
      lane.state->begin_at(received);
      lane.position = begin;
      lane.before = rows;
    }
  }
}

void PartitionViews::audit(std::uint64_t rows) {
  audit_ = {!lanes_.empty(), true, rows, rows, {}};
  for (const Lane& lane : lanes_) {
    if (lane.live) {
      audit_.position = lane.position;
      std::uint64_t seen = lane.state->folded() + lane.missing + lane.before;
      audit_.holds = audit_.holds && seen == rows;
      audit_.events = std::min(audit_.events, seen);
    } else {
      audit_.live = false;
    }
  }
}

void PartitionViews::restart() {
  for (Lane& lane : lanes_) {
    lane = make_lane(lane.spec);
  }
}

Views::Views(Generation generation, std::uint16_t partitions, const ViewLimits& limits,
             std::vector<DeclaredField> declared)
    : limits_(limits), tail_(generation, declared) {
  for (std::uint16_t i = 0; i < partitions; ++i) {
    partitions_.push_back(std::make_unique<PartitionViews>(*this, PartitionId(i), declared));
  }
}

Result<Views::Declared> Views::declare(ViewSpec spec) {
  MR_TRY(check_view(spec));
  std::lock_guard lock(mutex_);
  for (const ViewSpecPtr& known : specs_) {
    if (known->name == spec.name) {
      return view_identity(*known) == view_identity(spec)
                 ? Result<Declared>(Declared::kSame)
                 : not_found(fmt::format("there is another view of the name {}", spec.name));
    }
  }
  if (specs_.size() >= limits_.views) {
    return full(fmt::format("there are {} views, no more are taken; remove one", specs_.size()));
  }
  specs_.push_back(std::make_shared<const ViewSpec>(std::move(spec)));
  version_.fetch_add(1, std::memory_order_release);
  return Declared::kNew;
}

Result<void> Views::remove(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = std::find_if(specs_.begin(), specs_.end(), [&](const ViewSpecPtr& spec) { return spec->name == name; });
  if (found == specs_.end()) {
    return not_found("there is no view " + name);
  }
  if ((*found)->origin != ViewOrigin::kApi) {
    return invalid("this view is built in, or of the configuration file");
  }
  specs_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return {};
}

std::vector<ViewSpecPtr> Views::list() const {
  std::lock_guard lock(mutex_);
  return specs_;
}

ViewSpecPtr Views::find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  for (const ViewSpecPtr& spec : specs_) {
    if (spec->name == name) {
      return spec;
    }
  }
  return nullptr;
}

}  // namespace millrace
