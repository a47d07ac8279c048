#pragma once
// The three kinds of question, each read from JSON or URL into what can be run against the store.

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/server.h"
#include "io/clock.h"
#include "query/metric_query_json.h"
#include "query/shared_answers.h"

namespace millrace {

struct Question {
  std::string key;  // equal for questions with equal answers
  std::optional<Position> min_position;
  std::function<Result<Answer>()> run;
};

enum class QuestionKind { kMetrics, kEvents, kSchema };

// `json` is the query; empty for kSchema. `context.store` and `clock` must outlive the question.
Result<Question> read_question(QuestionKind kind, const std::string& json, const QueryContext& context, Clock& clock);

// The head of a GET → the JSON of the query.
Result<std::string> question_json(QuestionKind kind, const http::Head& head);

}  // namespace millrace
