# The Python module idse._vtm from VTM_ROOT: a checkout of VTM that 'idse vtm patch' patched and VTM's own CMake built.
# Included where VTM_ROOT is set. Compiles our own driver and the sources of VTM's EncoderApp but its main, and links
# the tree's static libraries.

get_filename_component(vtm_root "${VTM_ROOT}" REALPATH BASE_DIR "${CMAKE_SOURCE_DIR}")
set(vtm_lib "${vtm_root}/source/Lib")
set(vtm_app "${vtm_root}/source/App/EncoderApp")
set(vtm_how_to_build
    "build it: cmake -S ${vtm_root} -B ${vtm_root}/build -DCMAKE_BUILD_TYPE=Release "
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON && cmake --build ${vtm_root}/build --target EncoderApp")
string(CONCAT vtm_how_to_build ${vtm_how_to_build})

function(vtm_refuse)
  string(CONCAT text ${ARGN})
  message(FATAL_ERROR "VTM_ROOT ${vtm_root}: ${text}")
endfunction()

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_CXX_COMPILER_ID MATCHES "^(GNU|Clang)$")
  vtm_refuse("idse._vtm is built on Linux only, with GCC or Clang; use VTM's executable instead")
endif()

# --- a patched tree ---------------------------------------------------------------------------------------------------
if(NOT EXISTS "${vtm_lib}/CommonLib/version.h" OR NOT EXISTS "${vtm_app}/EncApp.cpp")
  vtm_refuse("no checkout of VTM: it has no source/Lib/CommonLib/version.h or source/App/EncoderApp/EncApp.cpp")
endif()
if(NOT EXISTS "${vtm_lib}/CommonLib/idse/overlay.h" OR NOT EXISTS "${vtm_root}/.idse-patch.json")
  vtm_refuse("not patched: run 'idse vtm patch ${vtm_root}', then ${vtm_how_to_build}")
endif()
file(GLOB vtm_overlay_files RELATIVE "${CMAKE_SOURCE_DIR}/vtm_patch/overlay" "${CMAKE_SOURCE_DIR}/vtm_patch/overlay/*")
set(vtm_differs)
foreach(name IN LISTS vtm_overlay_files)
  set(vtm_same "")
  if(EXISTS "${vtm_lib}/CommonLib/idse/${name}")
    file(SHA256 "${CMAKE_SOURCE_DIR}/vtm_patch/overlay/${name}" vtm_ours)
    file(SHA256 "${vtm_lib}/CommonLib/idse/${name}" vtm_theirs)
    string(COMPARE EQUAL "${vtm_ours}" "${vtm_theirs}" vtm_same)
  endif()
  if(NOT vtm_same)
    list(APPEND vtm_differs "${name}")
  endif()
endforeach()
if("overlay.h" IN_LIST vtm_differs)
  vtm_refuse("patched by another version of idse (its overlay.h differs): run 'idse vtm unpatch ${vtm_root}' and "
             "'idse vtm patch ${vtm_root}', then ${vtm_how_to_build}")
elseif(vtm_differs)
  list(JOIN vtm_differs ", " vtm_differs)
  message(WARNING "VTM_ROOT ${vtm_root}: patched by another version of idse (${vtm_differs}); streams may differ "
                  "from what this version codes: patch and build it again")
endif()
file(READ "${vtm_root}/.idse-patch.json" vtm_patch_note)
string(REGEX MATCH "\"patch\": *\"([0-9a-f]+)\"" vtm_match "${vtm_patch_note}")
set(vtm_patch_hash "${CMAKE_MATCH_1}")

# --- its libraries ----------------------------------------------------------------------------------------------------
# VTM puts them into lib/umake/<compiler>/<machine>/<build type>/ and the like. Debug builds have other types.
set(vtm_archives)
set(vtm_missing)
file(GLOB_RECURSE vtm_found "${vtm_root}/lib/*/libEncoderLib.a")
list(FILTER vtm_found EXCLUDE REGEX "/debug/")
list(SORT vtm_found)
set(vtm_archive_dir "${vtm_root}/lib")
foreach(path IN LISTS vtm_found)
  get_filename_component(vtm_dir "${path}" DIRECTORY)
  if(NOT vtm_archive_dir MATCHES "/release$")
    set(vtm_archive_dir "${vtm_dir}")
  endif()
endforeach()
foreach(name EncoderLib DecoderLib CommonLib Utilities)
  if(EXISTS "${vtm_archive_dir}/lib${name}.a")
    list(APPEND vtm_archives "${vtm_archive_dir}/lib${name}.a")
  else()
    list(APPEND vtm_missing "lib${name}.a")
  endif()
endforeach()
if(vtm_missing)
  list(JOIN vtm_missing ", " vtm_missing)
  vtm_refuse("not built: under ${vtm_archive_dir} there is no ${vtm_missing}: ${vtm_how_to_build}")
endif()

# What they were compiled with shows in their symbols: VTM's build folder may be gone.
execute_process(COMMAND "${CMAKE_NM}" ${vtm_archives} OUTPUT_VARIABLE vtm_symbols ERROR_QUIET)
set(vtm_definitions)
set(vtm_libraries)
if(NOT vtm_symbols MATCHES " T _ZN4idse3vtm9configure"
   OR "${vtm_lib}/CommonLib/idse/overlay.h" IS_NEWER_THAN "${vtm_archive_dir}/libCommonLib.a"
   OR "${vtm_lib}/CommonLib/idse/overlay.h" IS_NEWER_THAN "${vtm_archive_dir}/libEncoderLib.a")
  vtm_refuse("its libraries were built before it was patched: ${vtm_how_to_build}")
endif()
if(vtm_symbols MATCHES " U (GOMP_|TExt360)|TExt360|hdrtoolslib")
  vtm_refuse("built with SplitParallelism, 360Lib or HDRTools, which idse._vtm cannot: build it without")
endif()
if(vtm_symbols MATCHES " [BDC] g_trace_ctx")
  list(APPEND vtm_definitions ENABLE_TRACING=1)
endif()
if(vtm_symbols MATCHES " U _ZN4idse3vtm19weighted_distortionEiPKi")  # Pel is int
  list(APPEND vtm_definitions RExt__HIGH_BIT_DEPTH_SUPPORT=1)
endif()
if(vtm_symbols MATCHES " U EVP_")
  find_package(OpenSSL)
  if(NOT OPENSSL_FOUND)
    vtm_refuse("built with OpenSSL, whose development files are missing here; or build it with "
               "-DENABLE_SEARCH_OPENSSL=OFF")
  endif()
  list(APPEND vtm_libraries OpenSSL::SSL OpenSSL::Crypto)
else()
  list(APPEND vtm_definitions JVET_AJ0151_DSC_SEI=0)
endif()

# A module takes position independent code only.
execute_process(
  COMMAND "${CMAKE_CXX_COMPILER}" -shared -o "${CMAKE_BINARY_DIR}/vtm_probe.so" -Wl,--whole-archive ${vtm_archives}
          -Wl,--no-whole-archive
  RESULT_VARIABLE vtm_probe OUTPUT_VARIABLE vtm_said ERROR_VARIABLE vtm_said)
file(REMOVE "${CMAKE_BINARY_DIR}/vtm_probe.so")
if(NOT vtm_probe EQUAL 0)
  if(vtm_said MATCHES "-fPIC|relocation")
    vtm_refuse("built without position independent code: ${vtm_how_to_build}")
  endif()
  vtm_refuse("its libraries cannot be linked:\n${vtm_said}")
endif()

# --- names that changed between versions ------------------------------------------------------------------------------
file(STRINGS "${vtm_root}/CMakeLists.txt" vtm_standard REGEX "set *\\( *CMAKE_CXX_STANDARD +[0-9]+")
string(REGEX MATCH "[0-9]+" vtm_standard "${vtm_standard}")
file(STRINGS "${vtm_lib}/Utilities/program_options_lite.h" vtm_options REGEX "namespace +ProgramOptionsLite")
set(vtm_options_name df::program_options_lite)
if(vtm_options)
  set(vtm_options_name ProgramOptionsLite)
endif()
file(STRINGS "${vtm_lib}/CommonLib/Hash.cpp" vtm_hashes REGEX "TComHash::initBlockSizeToIndex")
set(vtm_block_hashes 0)
if(vtm_hashes)
  set(vtm_block_hashes 1)
endif()

# --- the module -------------------------------------------------------------------------------------------------------
add_library(idse_vtm_headers INTERFACE)
target_include_directories(idse_vtm_headers SYSTEM INTERFACE
  "${vtm_app}" "${vtm_lib}" "${vtm_lib}/CommonLib" "${vtm_lib}/CommonLib/x86" "${vtm_lib}/libmd5"
  "${vtm_lib}/EncoderLib" "${vtm_lib}/DecoderLib" "${vtm_lib}/Utilities")
target_compile_definitions(idse_vtm_headers INTERFACE ${vtm_definitions})
target_link_libraries(idse_vtm_headers INTERFACE ${vtm_libraries})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i.86)$")
  target_compile_options(idse_vtm_headers INTERFACE -msse4.1)
endif()

file(GLOB vtm_app_sources "${vtm_app}/*.cpp")
list(FILTER vtm_app_sources EXCLUDE REGEX "/encmain\\.cpp$")
add_library(idse_vtm_app OBJECT ${vtm_app_sources})
target_compile_options(idse_vtm_app PRIVATE -w)
target_link_libraries(idse_vtm_app PRIVATE idse_vtm_headers)
set_target_properties(idse_vtm_app PROPERTIES CXX_STANDARD ${vtm_standard} CXX_EXTENSIONS ON)

# Without link-time optimisation, which does not go with --wrap.
pybind11_add_module(_vtm NO_EXTRAS cpp/vtm/module.cpp cpp/vtm/runner.cpp cpp/vtm/capture.cpp
                    $<TARGET_OBJECTS:idse_vtm_app>)
target_include_directories(_vtm PRIVATE cpp/vtm)
target_compile_definitions(_vtm PRIVATE "IDSE_VTM_ROOT=\"${vtm_root}\"" "IDSE_VTM_PATCH=\"${vtm_patch_hash}\""
                           IDSE_VTM_OPTIONS=${vtm_options_name} IDSE_VTM_BLOCK_HASHES=${vtm_block_hashes})
foreach(name printf vprintf fprintf vfprintf __printf_chk __vprintf_chk __fprintf_chk __vfprintf_chk puts putchar putc
             fputc fputs fwrite exit)
  target_link_options(_vtm PRIVATE -Wl,--wrap=${name})
endforeach()
# VTM's names stay within the module.
target_link_libraries(_vtm PRIVATE idse_vtm_headers idse_warnings ${vtm_archives} -Wl,--exclude-libs,ALL)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_link_options(_vtm PRIVATE -s)
endif()
set_property(TARGET _vtm PROPERTY LINK_DEPENDS ${vtm_archives})
message(STATUS "idse._vtm: VTM at ${vtm_root}, libraries of ${vtm_archive_dir}")
