# Sourced by the scripts in tools/ that build.

# configure PRESET FOLDER [CMAKE ARGUMENTS]: only when FOLDER is not configured in this way already
# (ninja runs cmake again by itself when a CMake file or a glob changes).
configure() {
  local preset=$1 folder=$2
  shift 2
  local stamp="$folder/.configured"
  local wanted="$preset $* $(cksum <CMakePresets.json)"
  if [[ -f $folder/build.ninja && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    return
  fi
  note "configuring $folder"
  cmake --preset "$preset" "$@" >"$folder.log" 2>&1 || {
    cat "$folder.log" >&2
    rm -f "$folder.log"
    fail "cmake failed"
  }
  mv "$folder.log" "$folder/configure.log"
  printf '%s' "$wanted" >"$stamp"
}
