# millrace_embed_page(TARGET): makes the page in web/ and compiles it into TARGET, as what page_assets() gives.
# Node is needed to build, not to run. web/node_modules is a link that tools/setup.sh makes.
find_program(NODE NAMES node nodejs REQUIRED)

function(millrace_embed_page target)
  set(web ${CMAKE_SOURCE_DIR}/web)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${web}/src/*)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/page_assets.cc)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${NODE} ${web}/build.mjs ${generated}
    DEPENDS ${sources} ${web}/build.mjs ${web}/index.html ${web}/icon.svg ${web}/package-lock.json
    COMMENT "Making the page"
    VERBATIM)
  target_sources(${target} PRIVATE ${generated})
endfunction()
