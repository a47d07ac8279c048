#include "model/batch.h"

#include "model/row_hash.h"

namespace millrace {

void EventBatch::append(const EventView& from, SequenceNumber at) {
  project.append(from.project);
  event.append(from.event);
  user_id.append(from.user_id);
  anonymous_id.append(from.anonymous_id);
  session_id.append(from.session_id);
  message_id.append(from.id_kind == IdKind::kMessage ? from.id : std::string_view());
  properties.append(from.properties);
  context.append(from.context);
  property_index.append(from.property_index);
  time.push_back(from.time);
  sent.push_back(from.sent);
  received.push_back(from.received);
  sequence.push_back(at.value);
  hash.push_back(row_hash(from, {generation, partition, at}));  // here, while the text is at hand
}

void EventBatch::clear() {
  for (StringColumn* column :
       {&project, &event, &user_id, &anonymous_id, &session_id, &message_id, &properties, &context, &property_index}) {
    column->clear();
  }
  time.clear();
  sent.clear();
  received.clear();
  sequence.clear();
  hash.clear();
}

EventView EventBatch::row(std::size_t index) const {
  EventView view;
  view.project = project.at(index);
  view.event = event.at(index);
  view.user_id = user_id.at(index);
  view.anonymous_id = anonymous_id.at(index);
  view.session_id = session_id.at(index);
  view.id = message_id.at(index);
  view.id_kind = view.id.empty() ? IdKind::kNone : IdKind::kMessage;
  view.time = time[index];
  view.sent = sent[index];
  view.received = received[index];
  view.properties = properties.at(index);
  view.context = context.at(index);
  view.property_index = property_index.at(index);
  return view;
}

}  // namespace millrace
