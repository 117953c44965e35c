# Shared by the scripts beside it: finds or installs what the build needs. Sourced, not run.

# How the programs are built that people install, for all scripts in one folder, so that one build serves all of them. The Swift library
# is in them. No folder of the machine that builds is: C's __FILE__ is told without it, and they look for no library beside themselves.
release_folder=.build-package
# shellcheck disable=SC2034
release=(-c release --static-swift-stdlib --disable-local-rpath --scratch-path "$release_folder" -Xcc "-ffile-prefix-map=$PWD=.")

# Prints a message and exits.
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Makes sure that a Debian package is there: installs it as root, else names the command that does.
need_package() {
  local package=$1 probe=$2
  eval "$probe" >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || fail "$package is missing; install it with your system's package manager."
  [ "$(id -u)" -eq 0 ] || fail "$package is missing; run: sudo apt-get install -y $package"
  printf 'installing %s\n' "$package" >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null 2>&1 || {
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null || fail "could not install $package"
  }
}

need_build_tools() {
  command -v swift >/dev/null 2>&1 ||
    fail "Swift 6.2 or later is missing; see https://www.swift.org/install/linux/"
  need_package libsqlite3-dev '[ -e /usr/include/sqlite3.h ]'
  need_package zlib1g-dev '[ -e /usr/include/zlib.h ]'
}

# The programs of a PostgreSQL server, without a server that runs: Debian's package makes one unless it is told not to
# (createcluster.conf).
need_postgres() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return 0
  if [ "$(id -u)" -eq 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' > /etc/postgresql-common/createcluster.conf
  fi
  need_package postgresql 'ls /usr/lib/postgresql/*/bin/initdb'
}

# Links the project's sources into the package under Fuzz/, since a package takes no sources from outside its folder.
# The links are made here and not checked in: archives and some file systems do not keep them.
link_fuzz_sources() {
  local sources=Fuzz/Sources name
  # Of the service's modules only what decodes: nothing that needs the network.
  local decoders=(
    ServiceHTTP/ServiceHTTPError
    ServiceHTTP/Answers/{Answer,AnswerReader,ContentCoding,LenientJSON,ListPage,ListingFailure,MarkupPage,RequestedWait,VideoStatus}
    ServiceHTTP/Secrets/{APIKey,Scrubber}
    Services/Transfers/{TaskList,TransferOutcomes,TransfersAPI}
  )
  mkdir -p Fuzz/Tests
  for name in BatchDomain ManifestReader ManifestListing CZlib; do ln -sfn "../../Sources/$name" "$sources/$name"; done
  ln -sfn ../../Tests/ManifestReaderTests Fuzz/Tests/ManifestReaderTests
  for name in Gzip BlockSource; do
    ln -sfn "../../../Tests/ManifestReaderTests/$name.swift" "$sources/ManifestFuzzer/$name.swift"
  done
  # A file that has moved is not to be found twice.
  rm -rf "$sources/ServiceHTTP" "$sources/TransfersService"
  mkdir -p "$sources/ServiceHTTP" "$sources/TransfersService"
  for name in "${decoders[@]}"; do
    case $name in
      ServiceHTTP/*) ln -sfn "../../../Sources/$name.swift" "$sources/ServiceHTTP/${name##*/}.swift" ;;
      *) ln -sfn "../../../Sources/$name.swift" "$sources/TransfersService/${name##*/}.swift" ;;
    esac
  done
}

# Ends the programs of this package that outlived the process that started them.
end_leftovers() {
  local process program
  for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe" 2>/dev/null) || continue
    case $program in
      "$PWD"/.build/*/orchestrate | "$PWD"/.build/*/transfer-simulator | "$PWD"/.build/*/crash-score)
        kill -KILL "${process#/proc/}" 2>/dev/null || true
        ;;
    esac
  done
}

# Makes a virtual environment with those packages of PyPI under .build, once, and prints its interpreter.
python_with() {
  local folder
  folder=$PWD/.build/python/$(printf '%s' "$*" | tr -c 'A-Za-z0-9.\n' '-')
  # Written last, so that an environment that was cut short is made anew.
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    need_package python3-venv 'python3 -c "import ensurepip"'
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || fail "could not install $* from PyPI"
    touch "$folder/complete"
  fi
  printf '%s\n' "$folder/bin/python"
}

# Starts the simulator of the folder `bin`, or of the debug build, with those options, and sets `simulator` to its process and `address` to where it
# listens. What it prints goes to the file named first.
start_simulator() {
  local output=$1
  shift
  # The address of an earlier one is not to be read.
  rm -f "$output"
  "${bin:-$(swift build --show-bin-path)}/transfer-simulator" "$@" > "$output" 2> "$output.log" &
  simulator=$!
  for _ in $(seq 100); do
    [ -s "$output" ] && break
    kill -0 "$simulator" 2>/dev/null || fail "the simulator did not start: $(cat "$output.log")"
    sleep 0.1
  done
  address=$(head -n 1 "$output")
}
