# cmake --install: the shared library, the public headers, the package for find_package(Gradus) and
# the tools.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Gradus)

install(TARGETS gradus EXPORT GradusTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT GradusTargets NAMESPACE Gradus:: DESTINATION ${package_folder})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/GradusConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/GradusConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may break users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/GradusConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/GradusConfig.cmake
              ${PROJECT_BINARY_DIR}/GradusConfigVersion.cmake
        DESTINATION ${package_folder})

install(CODE "
  set(SOURCE \"${PROJECT_SOURCE_DIR}\")
  set(DESTINATION \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/install_headers.cmake\")
")
