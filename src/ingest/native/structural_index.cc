#include "ingest/native/structural_index.h"

#include <simdjson.h>

#include "base/check.h"

namespace millrace {

struct StructuralIndex::Implementation {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
};

StructuralIndex::StructuralIndex(std::size_t text_bytes_max) : implementation_(std::make_unique<Implementation>()) {
  simdjson::error_code error = simdjson::get_active_implementation()->create_dom_parser_implementation(
      text_bytes_max, 1, implementation_->stages);
  MR_CHECK(error == simdjson::SUCCESS);
}

StructuralIndex::~StructuralIndex() = default;

StructuralIndex::Outcome StructuralIndex::build(std::string_view text, Tokens& tokens) {
  simdjson::internal::dom_parser_implementation& stages = *implementation_->stages;
  MR_CHECK(text.size() <= stages.capacity());
  simdjson::error_code error =
      stages.stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), simdjson::stage1_mode::regular);
  switch (error) {
    case simdjson::SUCCESS:
      tokens = {text.data(), stages.structural_indexes.get(), static_cast<std::uint32_t>(text.size()),
                text.data() + text.size()};
      tokens.seek_escape(text.data());
      return Outcome::kOk;
    case simdjson::EMPTY:
      return Outcome::kEmpty;
    case simdjson::UNCLOSED_STRING:
      return Outcome::kOpenString;
    case simdjson::UNESCAPED_CHARS:
      return Outcome::kControlCharacter;
    default:
      return Outcome::kNotUtf8;
  }
}

}  // namespace millrace
