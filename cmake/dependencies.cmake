# What the floors stand on. Targets are made global so that a project which adds buskin as a
# sub-directory can link it from any of its own folders. Keep in step with buskin-config.cmake.in,
# buskin.pc.in and scripts/setup.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(CAF 0.17.6...<0.18 REQUIRED COMPONENTS core io)
find_package(Asio 1.22 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog REQUIRED)
