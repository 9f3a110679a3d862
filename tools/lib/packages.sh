# Distribution packages that Gradus builds with. Sourced by the scripts in tools/.
# A second call costs one dpkg-query: nothing is fetched when everything is there.

gradus_packages=(
  g++ cmake ninja-build ccache git
  llvm-19-dev zlib1g-dev libzstd-dev libpng-dev libturbojpeg0-dev
  libfmt-dev libcli11-dev nlohmann-json3-dev librapidcheck-dev libstb-dev gnuplot-nox
)

note() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

fail() {
  printf '[%s] %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

catch2_is_v3() {
  is_installed catch2 &&
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' catch2)" ge 3
}

missing_packages() {
  local name
  for name in "$@"; do
    is_installed "$name" || echo "$name"
  done
}

# Prints an apt source for the backports suite, made from the machine's own source of its
# release: same URI, same key, suite CODENAME-backports.
backports_source() {
  local codename=$1
  local files=()
  local file
  for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list \
    /etc/apt/sources.list.d/*.list; do
    [[ -r $file ]] && files+=("$file")
  done
  ((${#files[@]})) || return 1
  awk -v codename="$codename" '
    function finish(  n, i, parts) {
      if (done || disabled || types !~ /(^| )deb( |$)/) return
      n = split(suites, parts, /[ \t]+/)
      for (i = 1; i <= n; i++) {
        if (parts[i] != codename) continue
        print "Types: deb\nURIs: " uris "\nSuites: " codename "-backports\nComponents: main"
        if (key != "") print "Signed-By: " key
        done = 1
      }
    }
    function reset() { types = uris = suites = key = field = ""; disabled = 0 }
    FNR == 1 { if (deb822) finish(); reset(); deb822 = (FILENAME ~ /\.sources$/) }
    deb822 && /^#/ { next }
    deb822 && /^[ \t]*$/ { finish(); reset(); next }
    deb822 && /^[ \t]/ {            # a continued field: only an embedded key spans lines
      if (field == "signed-by") key = key "\n" $0
      next
    }
    deb822 {
      field = tolower(substr($0, 1, index($0, ":") - 1))
      value = substr($0, index($0, ":") + 1)
      sub(/^[ \t]+/, "", value)
      if (field == "types") types = value
      if (field == "uris") uris = value
      if (field == "suites") suites = value
      if (field == "signed-by") key = value
      if (field == "enabled" && tolower(value) == "no") disabled = 1
      next
    }
    /^[ \t]*deb[ \t]/ {             # deb [options] URI SUITE COMPONENT...
      line = $0
      reset()
      types = "deb"
      if (match(line, /\[[^]]*\]/)) {
        options = substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
        if (match(options, /signed-by=[^ \t]+/)) key = substr(options, RSTART + 10, RLENGTH - 10)
      }
      split(line, words, /[ \t]+/)
      first = words[1] == "deb" ? 1 : 2
      uris = words[first + 1]
      suites = words[first + 2]
      finish()
    }
    END { if (deb822) finish(); exit !done }
  ' "${files[@]}"
}

# as_root_or_explain MISSING [NAME...]: what to install as root, where this is not root.
as_root_or_explain() {
  ((EUID == 0)) && return
  local script
  script=$(cd "$(dirname "$0")/.." && pwd)/tools/packages
  fail "packages are missing: $1; run as root once: $script ${*:2}"
}

# Installing ca-certificates, which others depend on, writes the bundle anew; what the machine's
# owner had put there stays in it.
apt_install() {
  local bundle=/etc/ssl/certs/ca-certificates.crt own=
  if [[ -e $bundle ]] && ! is_installed ca-certificates; then
    own=$(mktemp)
    cp "$bundle" "$own"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -qq "$@" >&2
  if [[ -n $own ]]; then
    is_installed ca-certificates && cat "$own" >>"$bundle"
    rm "$own"
  fi
}

gradus_apt_updated=
apt_update_once() {
  [[ -n $gradus_apt_updated ]] && return
  apt-get update -qq -o Acquire::Retries=3 >&2
  gradus_apt_updated=1
}

# Catch2 version 3 is in the backports of Debian 12 and in the release itself from Debian 13 on.
install_catch2() {
  catch2_is_v3 && return
  as_root_or_explain "catch2 (version 3)"
  local codename suite list=/etc/apt/sources.list.d/gradus-backports.sources
  apt_update_once
  if apt-cache policy catch2 | grep -qE '^  Candidate: 3\.'; then
    apt_install catch2
    return
  fi
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  suite=$codename-backports
  if ! apt-cache policy | grep -q "n=$suite"; then
    backports_source "$codename" >"$list.new" ||
      fail "no apt source of '$codename' to derive $suite from; install Catch2 version 3 by hand"
    mv "$list.new" "$list"
    apt-get update -qq -o Acquire::Retries=3 >&2
  fi
  apt_install -t "$suite" catch2
}

# ensure_packages [NAME...]: the packages of the build, or the named ones.
ensure_packages() {
  local names=("$@")
  ((${#names[@]})) || names=("${gradus_packages[@]}")
  local missing
  mapfile -t missing < <(missing_packages "${names[@]}")
  if ((${#missing[@]})); then
    command -v apt-get >/dev/null ||
      fail "this script installs packages with apt; by hand: ${missing[*]}"
    as_root_or_explain "${missing[*]}" "$@"
    note "installing ${missing[*]}"
    apt_update_once
    apt_install "${missing[@]}"
  fi
  (($#)) || install_catch2
}
