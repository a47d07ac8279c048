# millrace_embed_openapi(TARGET): compiles docs/openapi.yaml into TARGET, as the JSON text that openapi_json() gives.
# Python's YAML reader is needed to build, not to run.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(millrace_embed_openapi target)
  set(yaml ${CMAKE_SOURCE_DIR}/docs/openapi.yaml)
  set(tool ${CMAKE_SOURCE_DIR}/tools/openapi_to_json.py)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/openapi_json.cc)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND Python3::Interpreter ${tool} ${yaml} ${generated}
    DEPENDS ${yaml} ${tool}
    COMMENT "Embedding docs/openapi.yaml"
    VERBATIM)
  target_sources(${target} PRIVATE ${generated})
endfunction()
