# BUSKIN_SANITIZE is empty, or what follows -fsanitize=.
if(BUSKIN_SANITIZE)
  add_compile_options(
    -fsanitize=${BUSKIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BUSKIN_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizers.ignore)
  endif()
endif()
